// What is suspicious about documents that load: the warnings W01-W10 (docs/policies.md). For
// `capsem policy check`; nothing here is asked while requests are judged.
#pragma once

#include <chrono>
#include <span>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/loader.h"

namespace capsem::policy {

// W01 a rule that an earlier one covers, W02 an entry both allowed and denied, W03 an allowed entry
// that a denied one covers, W04 deny-overrides whose broad deny leaves no allow, W06 approval of
// answers that have left when they are judged, W07 names of mixed scripts or with characters that
// change the direction of text, W08 shadow mode for more than 30 days, W09 a rule that allows by an
// agent name nobody vouches for, W10 a part that the part around it makes inert. (W05, verdicts
// without effect, is said where it is read: by load_files().)
//
// `today` is of the same calendar as `since` in files. By file and place.
std::vector<Diagnostic> lint(std::span<const Document> documents,
                             std::chrono::year_month_day today);

// Why the name may deceive its reader: "mixes Latin and Cyrillic"; empty: it does not.
std::string deceptive(std::string_view name);

}  // namespace capsem::policy
