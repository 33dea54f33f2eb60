// Questions, desks and vaults for the tests of approvals.
#pragma once

#include <memory>
#include <string>

#include "server/store/review_desk.h"
#include "tests/unit/store/store_database.h"

namespace capsem::store {

using Kind = tenant::ApprovalAnswer::Kind;

inline std::shared_ptr<const vault::Vault> a_vault(char fill = 'k') {
  std::vector<Secret> keys;
  keys.emplace_back(std::string(vault::kMasterKeyBytes, fill));
  return std::make_shared<const vault::Vault>(std::move(keys));
}

inline ApprovalOptions options_with(std::shared_ptr<const vault::Vault> vault) {
  ApprovalOptions options;
  options.ttl_ms = 900'000;
  options.vault = [vault = std::move(vault)] { return vault; };
  return options;
}

inline policy::Decision a_decision(std::string policy, std::string rule,
                                   event::Phase phase = event::Phase::Request) {
  policy::Decision decision;
  decision.id = "0123456789ab";
  decision.policy = std::move(policy);
  decision.rule = std::move(rule);
  decision.verdict = policy::Verdict::Confirm;
  decision.details = "Mentions unreleased results";
  decision.severity = "HIGH";
  decision.phase = phase;
  return decision;
}

inline tenant::ApprovalQuestion a_question() {
  tenant::ApprovalQuestion question;
  question.tenant = "default";
  question.integration = "int-1";
  question.caller = "key-1";
  question.agent = "agent-1";
  question.route = "chat";
  question.model = "gpt-4o";
  question.digest = "sha256 of route, agent and body";
  question.revision = "sha256:1";
  question.run_id = "run-1";
  question.decisions = {a_decision("earnings", "q4")};
  return question;
}

// The same request; what its answer says wants approval.
inline tenant::ApprovalQuestion an_answer_question(std::string body = "{\"answer\":1}") {
  tenant::ApprovalQuestion question = a_question();
  question.phase = event::Phase::Response;
  question.decisions = {a_decision("leaks", "names", event::Phase::Response)};
  question.answer = tenant::KeptAnswer{.status = 200,
                                       .content_type = "application/json; charset=utf-8",
                                       .streamed = false,
                                       .body = std::move(body)};
  return question;
}

inline std::string word(Kind kind) {
  constexpr std::string_view kWords[] = {"granted", "held", "rejected", "full", "unavailable"};
  return std::string(kWords[static_cast<std::size_t>(kind)]);
}

}  // namespace capsem::store
