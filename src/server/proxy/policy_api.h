// The check API: what callers ask who are not proxied, and how the answer looks.
//
//   POST /v1/policy/enforce   {action, resource, context}          -> 200 or 403 (R83)
//   POST /v1/policy/evaluate  the same, with texts                  -> 200, the explanation
//   POST /v1/evaluate         {input, targetKey, ...}               -> 200 {data} (R53)
//
// Callers identify themselves as on other root routes, and each question leaves a record.
//
// Pure: JSON in, JSON out. The decision itself is the PolicyJudge's.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/engine/workspace.h"
#include "core/policy/decision.h"
#include "core/policy/snapshot.h"
#include "core/policy/subject.h"
#include "core/wire/json.h"
#include "server/proxy/caller.h"
#include "server/proxy/routes.h"

namespace capsem::proxy {

// Lengths count characters, not bytes.
struct PolicyQuestion {
  PolicyCall call = PolicyCall::Enforce;
  std::string action;    // "llm.generate"
  std::string resource;  // "model/gpt-4"; empty: model/<model>
  std::string agent;     // context.agent_id; empty: what the headers say
  std::vector<std::pair<std::string, std::string>> context;  // without agent_id

  // Explain, and Evaluate, whose input is the prompt.
  std::string model, prompt, response;
  std::string tool, tool_args;     // a returned call; its arguments as JSON text
  std::string tool_result;         // an earlier result
  std::vector<std::string> tools;  // names of defined tools
  bool stream = false;

  // Evaluate: kept for the record, never matched.
  std::string target_key, target_metadata, correlation_id, session_id;

  // Evaluate: who is told what becomes of a review. Whether it may be is the caller's to ask.
  std::string callback_url;

  std::string run_id;  // filled in by whoever asks the judge
};

// What the policies say.
struct PolicyAnswer {
  policy::Verdict verdict = policy::Verdict::Allow;
  std::vector<policy::Decision> decisions{};  // those that are not a plain Allow, in check order
  std::string decided_by{};                   // "models/rest"; empty: nothing decided
  std::string message{};      // what callers are told: "Model gpt-4 is not allowed"; may be empty
  std::string code{};         // "model_blocked"
  std::string reason_code{};  // "RULE_MATCH", "NO_RULE_MATCH"; empty: no access rule spoke
  std::string review_id{};    // Evaluate: the review it waits for (R53)
  std::string explanation{};  // policy-format's explanation, a JSON object; for Explain
};

// Decides by this snapshot, on its loop, without any I/O: no limit is charged, no provider
// contacted. `workspace` is the loop's.
using PolicyJudge = std::function<Result<PolicyAnswer>(
    const PolicyQuestion& question, const policy::Subject& subject,
    const std::shared_ptr<const policy::Snapshot>& snapshot, engine::Workspace& workspace)>;

// Reads a parsed body. An error names the member: an unknown one, one that is missing, one that is
// too long or of the wrong kind.
Result<PolicyQuestion> read_question(PolicyCall call, const wire::JsonReader& json);

// What the judge is told besides the question: no provider, so network lists are silent. Views of
// the question and of the other arguments.
policy::Subject subject_of(const PolicyQuestion& question, std::string_view path,
                           const Caller& caller);

// A person has said yes: what wanted approval does so no more, and something else may decide.
void release_approvals(PolicyAnswer& answer);

// May what was asked about go on? Allow, Monitor and Log may.
bool allows(policy::Verdict verdict);

int status_of(PolicyCall call, const PolicyAnswer& answer);
std::string render_answer(const PolicyQuestion& question, const PolicyAnswer& answer,
                          std::string_view revision);

}  // namespace capsem::proxy
