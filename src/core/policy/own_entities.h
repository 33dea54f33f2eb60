// Entities that a policy file defines itself: regular expressions and words, with words of context,
// a score and a checksum. Internal to policy/.
//
// A match begins and ends at a word's boundary, has at most kMatchBytesMax bytes and stands in one
// line; where no pattern of the detector can match white space, in one word. So whether one begins
// at a place depends on the text near it alone, and a stream is held back for a line or a word at
// most. Of several matches from one place the longest counts.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/detect/detector.h"
#include "core/policy/ir.h"
#include "core/policy/pattern.h"

namespace capsem::policy {

inline constexpr std::size_t kMatchBytesMax = 128;
inline constexpr float kListedScore = 1.0F;  // of the words of an entity

// The checksums that an entity may ask for, of letters and digits alone.
inline constexpr std::array<std::string_view, 4> kChecksumWords = {"luhn", "verhoeff", "mod97",
                                                                   "mod11_10"};

// Whether what it says can be compiled; errors name the key.
Status check_own_entity(const OwnEntity& entity);

struct OwnEntityRule {
  const OwnEntity* source = nullptr;  // has to pass check_own_entity()
  detect::RuleId rule = 0;
};

// Findings below `score_min` are not reported. Copies what it needs.
Result<std::unique_ptr<const detect::Detector>> make_own_entity_detector(
    std::span<const OwnEntityRule> entities, float score_min);

}  // namespace capsem::policy
