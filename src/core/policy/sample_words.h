// What sample requests are made of: the names, words and conditions that policies themselves speak
// of, so that every pattern is asked about by a text that it matches.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/rehearsal.h"

namespace capsem::policy {

// Each list without duplicates, in the order of the documents; exact strings as they stand, one
// witness per glob, and last a name that no policy mentions.
struct SampleWords {
  std::vector<std::string> agents, keys, integrations, models, tools, hosts;
  std::vector<std::string> bound_models;  // those that bindings and conditions name
  std::vector<std::string> texts;         // one per keyword, per condition on content, per entity
  // One per access or content rule with conditions, which meets them as far as it can be said.
  std::vector<Scenario> rules;
  // Conditions by regular expressions, for which no matching text is made.
  std::size_t unsampled = 0;
};

SampleWords sample_words(std::span<const Document> before, std::span<const Document> after);

// A text in which the detectors find a value of this type; empty for types of which no sample is
// kept.
std::string_view sample_text(detect::EntityType type);

}  // namespace capsem::policy
