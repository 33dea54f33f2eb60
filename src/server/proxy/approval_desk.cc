#include "server/proxy/approval_desk.h"

#include <utility>

#include "core/base/sha256.h"

namespace capsem::proxy {

using tenant::ApprovalAnswer;

void ApprovalDesk::ask(tenant::ApprovalQuestion question, Then then) {
  asked_.ask(
      ms_max_,
      [this, &question](Awaited<ApprovalAnswer>::Reply reply) {
        approvals_->ask(std::move(question), std::move(reply));
      },
      [this, then = std::move(then)](std::optional<ApprovalAnswer> answer) {
        ApprovalAnswer said = answer ? std::move(*answer) : ApprovalAnswer{};
        if (said.kind == ApprovalAnswer::Kind::Held) held_ = said.review_id;
        then(std::move(said));
      },
      [approvals = approvals_](ApprovalAnswer late) {
        if (late.kind == ApprovalAnswer::Kind::Held) approvals->withdraw(late.review_id);
      });
}

void ApprovalDesk::find_answer(tenant::ApprovalQuestion question, Found then) {
  found_.ask(
      ms_max_,
      [this, &question](Awaited<std::optional<ApprovalAnswer>>::Reply reply) {
        approvals_->find_answer(std::move(question), std::move(reply));
      },
      [then = std::move(then)](std::optional<std::optional<ApprovalAnswer>> answer) {
        then(answer ? std::move(*answer) : ApprovalAnswer{});
      });
}

void ApprovalDesk::leave() {
  asked_.forget();
  found_.forget();
  if (!held_.empty()) approvals_->withdraw(std::exchange(held_, {}));
}

std::string approval_digest(std::string_view path, std::string_view agent, std::string_view body) {
  std::string text;
  text.reserve(path.size() + agent.size() + body.size() + 64);
  for (const std::string_view part : {path, agent, body}) {
    text.append(std::to_string(part.size())).append(":").append(part);
  }
  return sha256_hex(text);
}

tenant::ApprovalQuestion question_of(const engine::Exchange& exchange, const Asking& asking,
                                     event::Phase phase) {
  const Caller& caller = asking.caller;
  tenant::ApprovalQuestion question{
      .tenant = std::string(caller.tenant()),
      .integration = std::string(caller.integration_id()),
      .caller = std::string(caller.user_id),
      .agent = std::string(caller.agent),
      .route = std::string(asking.path),
      .model = std::string(asking.model),
      .digest = approval_digest(asking.path, caller.agent, exchange.request_digest_text()),
      .revision = exchange.snapshot().revision(),
      .run_id = std::string(asking.run_id),
      .phase = phase,
      .decisions = {},
      .texts = {}};
  for (const policy::Decision& decision : exchange.decisions()) {
    if (decision.enforced && !decision.granted && decision.phase == phase &&
        decision.verdict == policy::Verdict::Confirm) {
      question.decisions.push_back(decision);
    }
  }
  if (asking.content) question.texts = exchange.kept_texts();
  return question;
}

}  // namespace capsem::proxy
