// Finds fixed words, letter case ignored (ASCII), anywhere in the text, inside words too.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "core/detect/detector.h"

namespace capsem::detect {

struct Keyword {
  std::string text;  // 1 to kLookAhead - 1 bytes
  RuleId rule;
};

// Secret: everything that tells of the keywords is wiped when the detector dies.
enum class Contents : std::uint8_t { Public, Secret };

// Score 1. Live candidates are exact: text is held back only while it ends in a proper prefix of a
// keyword. Never null. REQUIRES: every keyword within its length limits.
std::unique_ptr<const Detector> make_keyword_detector(std::span<const Keyword> keywords,
                                                      Contents contents = Contents::Public);

}  // namespace capsem::detect
