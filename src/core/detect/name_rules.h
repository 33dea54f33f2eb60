// What a run's words and the text before it say of themselves, without a model.
#pragma once

#include <string_view>

#include "core/detect/name_run.h"
#include "core/detect/tagger.h"

namespace capsem::detect {

// REQUIRES: w was looked up.
bool is_honorific(const Word& w);

// Corrects the tagger: persons that a rule is sure of, and words that are none.
void apply_person_rules(std::string_view s, const NameRun& run, RunTags& tags);

// Whether word i is a nation's adjective, a faith or a political camp that stands for people, not
// a language ("in French") or part of another name ("American Airlines").
bool is_group(std::string_view s, const NameRun& run, std::size_t i, const RunTags& tags);

}  // namespace capsem::detect
