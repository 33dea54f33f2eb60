// What a change of policies means for requests: samples made from both revisions' own patterns,
// played through both. Pure. For `capsem policy diff`, and for reloads that must not loosen.
//
// It compares samples, not languages: what no sample asks about is not seen. Regular expressions
// are asked about by none (Diff::unsampled).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/decision.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

enum class Change : std::uint8_t {
  Allowed,  // was refused or held
  Held,     // waits for approval now
  Denied,   // was allowed or held
  Decider,  // the same, by another rule
};
std::string_view to_string(Change change);  // "allowed"

struct Difference {
  Change change = Change::Decider;
  // Something that was refused may now pass, if only on approval; something that was held passes.
  bool loosens = false;
  std::string request;  // "model gpt-4, agent basic-1"; no text of anybody's
  Verdict before = Verdict::Allow, after = Verdict::Allow;
  std::string by_before, by_after;  // "models/rest"; empty: nothing had anything to say
  std::string at_before, at_after;  // where it stands
};

struct DiffLimits {
  std::size_t samples_max = 20'000;
  std::size_t differences_max = 1'000;
};

struct Diff {
  // Those that loosen first, then as the samples came.
  std::vector<Difference> differences;
  std::size_t samples = 0;
  std::size_t not_played = 0;  // at least so many samples beyond samples_max
  std::size_t not_listed = 0;  // differences beyond differences_max
  std::size_t unsampled = 0;   // conditions by regular expressions
  bool loosens = false;        // some difference does, listed or not
};

// Limits are compared by their numbers: a higher or missing one loosens; kinds of secrets and of
// injection by their verdicts.
// Errors: a detector's.
Result<Diff> diff(const std::shared_ptr<const Snapshot>& before,
                  const std::shared_ptr<const Snapshot>& after, DiffLimits limits = {});

// "allowed: model gpt-4, agent basic-1 (was BLOCK by models/rest at acme.toml:43:3)".
std::string to_string(const Difference& difference);

}  // namespace capsem::policy
