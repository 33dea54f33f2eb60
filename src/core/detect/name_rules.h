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

// Whether what stands before a run of one word in lower case tells that it is a person's name ("my
// name is simone") or a group ("i am fijian"). Only what the table is sure of. REQUIRES: looked up.
bool introduces_person(const NameRun& run);
bool introduces_group(const NameRun& run);

// Whether a run of one word in lower case is a group, judged by what stands before it alone: what
// comes behind may not have arrived yet.
bool lower_group(const NameRun& run);

// How many words from word i on are a nation's adjective, a faith or a political camp ("Sri
// Lankan") that stands for people, not a language ("in French") or part of another name ("American
// Airlines").
std::size_t group_size(std::string_view s, const NameRun& run, std::size_t i, const RunTags& tags);

}  // namespace capsem::detect
