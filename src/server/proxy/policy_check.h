// One question to the check API on its way: the body is read, the judge asked, a reviewer asked if
// a policy wants one (R53), the answer written. No provider is contacted and no limit charged; a
// record is left all the same, and is kept before a decision is told (promise 3).
//
// Thread: its worker's loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "server/proxy/answers.h"
#include "server/proxy/approval_desk.h"
#include "server/proxy/caller.h"
#include "server/proxy/commit.h"
#include "server/proxy/held_bytes.h"
#include "server/proxy/policy_api.h"
#include "server/proxy/routes.h"
#include "server/proxy/work.h"

namespace capsem::proxy {

class Session;
class Worker;

class PolicyCheck final : public Work {
 public:
  // `head` and `target` are the connection's and stay until the answer is complete.
  PolicyCheck(Session& session, const Route& route, const http::RequestHead& head,
              const http::Target& target);
  ~PolicyCheck() override;

  void begin() override;
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_gone() override;
  void end_for_drain() override;

 private:
  // An answer: what is wrong with the question. Nothing: said_ has what the policies say.
  std::optional<LocalAnswer> judge();
  std::optional<LocalAnswer> read_body();
  std::optional<LocalAnswer> name_agent();
  void ask_for_approval();
  std::vector<audit::KeptText> shown_prompt();
  void asked(tenant::ApprovalAnswer answer);
  void tell();
  LocalAnswer error(int status, std::string_view message, std::string_view type,
                    std::string_view code) const;
  // `decided`: waits for its record.
  void respond(LocalAnswer answer, bool decided = false);
  void write(const LocalAnswer& answer);
  void fill_record(int status, std::string_view outcome, std::string_view code,
                   std::uint64_t response_bytes);
  void finish();

  Session& session_;
  Worker& worker_;
  const Route route_;
  const http::RequestHead& head_;
  const http::Target& target_;
  const ErrorStyle style_;
  const std::int64_t began_wall_ms_;

  std::string body_, agent_;
  Caller caller_;  // as the session's, for the agent that the body names
  HeldBytes held_;
  Commit commit_;
  ApprovalDesk desk_;
  PolicyQuestion question_;
  PolicyAnswer said_;
  audit::Record record_;  // what the judge said
  bool settled_ = false, finished_ = false;
};

}  // namespace capsem::proxy
