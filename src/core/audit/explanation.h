// A verdict and how it came about, as one JSON object for people who ask: the check API,
// `capsem policy explain`, X-Capsem-Explain. Never holds matched text: names, places, counts and
// what the policies' own files say.
//
//   {"run_id":"...","revision":"sha256:9f..","verdict":"BLOCK","http":403,"phase":"request",
//    "decided_by":{"policy","rule","at","why"},        null when nothing decided
//    "considered":[{"rule","matched","because"}],
//    "also":[{"policy","verdict","where","detail"}],   what else was decided
//    "shadow":[{"policy","rule","would"}],             what policies in shadow mode would have done
//    "not_checked":[{"surface","reason"}],
//    "us":{"inspection":38}}
//
// A list that is cut is followed by a number of its own: "considered_left_out":7.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/audit/record.h"
#include "core/event/event.h"
#include "core/policy/decision.h"
#include "core/policy/explain.h"

namespace capsem::audit {

// All views, of things that outlive the call.
struct Explanation {
  std::string_view run_id{};    // left out when empty
  std::string_view revision{};  // of the policies
  policy::Verdict verdict = policy::Verdict::Allow;
  int http = 200;                                 // the status the caller gets
  event::Phase phase = event::Phase::Request;     // how far it came; a decision says it itself
  std::span<const policy::Decision> decisions{};  // in check order, shadow ones included
  const policy::Decision* decided = nullptr;      // one of them, or none
  const policy::Trace* trace = nullptr;
  std::span<const NotChecked> not_checked{};
  std::span<const std::pair<std::string_view, std::int64_t>> us{};  // microseconds by name
  // Rules' places name files without their directory, which is none of a remote caller's business.
  bool hides_directories = false;
};

// The decision that explains a verdict: the first enforced one that says it; nullptr when none
// does. With Block and Confirm it is the one that settles.
const policy::Decision* deciding(std::span<const policy::Decision> decisions,
                                 policy::Verdict verdict);

std::string explanation_json(const Explanation& explanation);

// The same in ASCII on one line, for a header field, in at most `bytes_max` bytes (1 KiB at least):
// what is too long loses entries from the end, of `considered` first, then of `not_checked`,
// `shadow` and `also`.
std::string explanation_field(const Explanation& explanation, std::size_t bytes_max = 4'096);

}  // namespace capsem::audit
