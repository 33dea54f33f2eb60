// One exchange on its way: the request into the engine, the call to the provider, the answer
// through the engine to the client. The answer's head is withheld until the engine lets the first
// byte go, so that a refusal before that is a plain error answer.
//
// On its way it may have to wait: for limits that gateways share, for a judge service, for a record
// that has to be kept first (commit.h), for a person's word (approval_desk.h). Every wait has a
// clock, and ends when the client leaves or the gateway drains.
//
// Every path leaves one audit record of the exchange, and ends in finish(), once.
// Thread: its worker's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/engine/exchange.h"
#include "core/limit/deferred.h"
#include "server/http/server_connection.h"
#include "server/proxy/answers.h"
#include "server/proxy/approval_desk.h"
#include "server/proxy/caller.h"
#include "server/proxy/commit.h"
#include "server/proxy/held_bytes.h"
#include "server/proxy/judge_calls.h"
#include "server/proxy/relay_record.h"
#include "server/proxy/routes.h"
#include "server/proxy/upstreams.h"
#include "server/proxy/work.h"
#include "server/upstream/call.h"

namespace capsem::proxy {

class Session;
class Worker;

class Relay final : public upstream::CallEvents, public Work {
 public:
  // `head` and `target` are the session's and stay until the answer is complete; `target` is the
  // provider's own, without an integration's prefix.
  Relay(Session& session, const Route& route, const http::RequestHead& head,
        const http::Target& target, std::shared_ptr<Upstream> upstream);
  ~Relay() override;

  void begin() override;
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_drained() override;
  void on_gone() override;
  void end_for_drain() override;

  // Instead of begin(): what the session found already, as a refusal on record.
  void refuse_at_once(LocalAnswer answer);

 private:
  // ---- The request: relay.cc
  void begin_exchange();
  void answers_ready();
  void judge_request();
  void find_kept_answer();
  void found(std::optional<tenant::ApprovalAnswer> answer);
  void decide_request();
  void ask_about(event::Phase phase);
  void asked(event::Phase phase, tenant::ApprovalAnswer answer);
  void go_to_provider();
  void start_call();

  // ---- The answer: relay_answer.cc
  void on_answer_head(const http::ResponseHead& head) override;
  void on_answer_body(std::string_view bytes) override;
  void on_answer_end() override;
  void on_call_failed(upstream::CallFault fault) override;
  engine::Answer kind_of(const http::ResponseHead& head) const;
  void write_answer_head(const http::ResponseHead& head);
  bool append_limit_fields(std::string& out) const;
  void append_late_fields();
  void judge_answer_end();
  void follow(engine::Step step, std::string& out);
  void give_whole(std::string out);
  void give_kept(const tenant::KeptAnswer& answer);
  void release(std::string& out);
  void end_with_fault(std::string_view message, std::string_view code, std::string_view outcome);

  // ---- The end: relay_end.cc
  void refuse(LocalAnswer answer, bool decided = false);
  void deny();  // with the exchange's denial
  void deny_answer();
  void end_stream(std::string last, std::string_view outcome, std::string_view code);
  void respond(const LocalAnswer& answer);
  std::string explain(int status, bool as_field) const;  // what was decided so far
  void settle(int status, std::string_view outcome, std::string_view code,
              std::uint64_t response_bytes, Commit::Then then);
  void complete(int status, std::string_view outcome, std::string_view code);
  audit::Record take_record(const Ending& ending);
  Exchanged exchanged() const;
  bool news_waits() const;
  void finish();
  std::int64_t now_ns() const;

  Session& session_;
  Worker& worker_;
  http::ServerConnection& client_;
  const Route route_;
  const http::RequestHead& head_;
  const http::Target& target_;
  const Caller& caller_;
  const ErrorStyle& style_;
  const std::shared_ptr<Upstream> upstream_;

  HeldBytes held_;
  Commit commit_;
  ApprovalDesk desk_;
  // Of shared limits, where there are any; the exchange's, so they go after it.
  std::shared_ptr<Relay*> self_;
  std::optional<limit::DeferredStore> counters_;
  std::optional<JudgeCalls> judges_;  // likewise; of judge services
  std::optional<engine::Exchange> exchange_;
  std::string plain_body_;  // of a request that is relayed unread
  std::unique_ptr<upstream::Call> call_;
  std::string answer_head_;  // for the client, waiting for the first byte
  std::string answer_type_;  // the provider's, where an answer may be kept for later
  std::string out_;          // of an answer's end, while something is waited for
  std::string request_id_, run_id_, review_id_;
  std::size_t told_decisions_ = 0;  // those that a record already tells of
  engine::Answer kind_ = engine::Answer::Body;
  engine::Step step_ = engine::Step::Continue;  // what the request came to
  enum class Asked : std::uint8_t { Nothing, OfRequest, OfAnswer } asked_ = Asked::Nothing;
  bool direct_ = false;       // the answer leaves without passing the engine
  bool masked_ = false;       // R15's masked provider error
  bool key_refused_ = false;  // the provider does not take the stored key
  bool begun_ = false;        // the answer's head has been handed over
  bool settled_ = false;      // its record is written, or is being kept
  bool finished_ = false;
  bool explains_ = false;  // the caller asked for it, and its key may
  int status_ = 0;
  Passage passage_;
};

}  // namespace capsem::proxy
