// One exchange on its way: the request into the engine, the call to the provider, the answer
// through the engine to the client. The answer's head is withheld until the engine lets the first
// byte go, so that a refusal before that is a plain error answer.
//
// Every path ends in complete(), once: one audit record per exchange.
// Thread: its worker's loop.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/engine/exchange.h"
#include "server/http/server_connection.h"
#include "server/proxy/answers.h"
#include "server/proxy/routes.h"
#include "server/proxy/work.h"
#include "server/upstream/call.h"

namespace capsem::proxy {

class Session;
class Worker;

class Relay final : public upstream::CallEvents, public Work {
 public:
  // `head` and `target` are the connection's and stay until the answer is complete.
  Relay(Session& session, const Route& route, const http::RequestHead& head,
        const http::Target& target);
  ~Relay() override;

  void begin() override;
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_drained() override;
  void on_gone() override;
  void end_for_drain() override;

 private:
  // From the call.
  void on_answer_head(const http::ResponseHead& head) override;
  void on_answer_body(std::string_view bytes) override;
  void on_answer_end() override;
  void on_call_failed(upstream::CallFault fault) override;

  void begin_exchange();
  bool append_limit_fields(std::string& out) const;
  void start_call();
  engine::Answer kind_of(const http::ResponseHead& head) const;
  void write_answer_head(const http::ResponseHead& head);
  void follow(engine::Step step, std::string& out);
  void release(std::string& out);
  void end_with_fault(std::string_view message, std::string_view code, std::string_view outcome);
  void refuse(LocalAnswer answer);
  void deny();                                           // with the exchange's denial
  std::string explain(int status, bool as_field) const;  // what was decided so far
  void append_explanation();
  void complete(int status, std::string_view outcome, std::string_view code);
  void write_record(int status, std::string_view outcome, std::string_view code);
  void hold(std::uint64_t bytes);
  std::int64_t now_ns() const;

  Session& session_;
  Worker& worker_;
  http::ServerConnection& client_;
  const Route route_;
  const http::RequestHead& head_;
  const http::Target& target_;
  const codec::ErrorBody error_shape_;

  std::optional<engine::Exchange> exchange_;
  std::string plain_body_;  // of a request that is relayed unread
  std::unique_ptr<upstream::Call> call_;
  std::string answer_head_;  // for the client, waiting for the first byte
  std::string request_id_;
  std::string run_id_;
  engine::Answer kind_ = engine::Answer::Body;
  bool streams_ = false;  // the answer leaves piece by piece
  bool direct_ = false;   // ... without passing the engine
  bool masked_ = false;   // R15's masked provider error
  bool begun_ = false;    // the answer's head has been handed over
  bool finished_ = false;
  bool explains_ = false;  // the caller asked for it, and its key may
  bool counted_stream_ = false;
  int status_ = 0, upstream_status_ = 0;

  std::uint64_t request_bytes_ = 0, held_ = 0;
  std::int64_t began_ns_ = 0, began_wall_ms_ = 0, request_end_ns_ = 0, call_ns_ = 0,
               last_byte_ns_ = 0, first_byte_ns_ = 0, inspection_ns_ = 0;
};

}  // namespace capsem::proxy
