// What the recognizers begin with, for the filter in front of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/detect/chars.h"
#include "core/detect/injection_words.h"

namespace capsem::detect::injection {

// Whether a phrase rule begins with a word of these classes.
bool opens_phrase(WordClasses classes);

// Whether match_phrases() may have something to say of the word at p, or has to know what follows
// the text. May say so too often. REQUIRES: the word ends plainly.
bool may_begin_phrase(std::string_view text, std::size_t p, const PlainWord& word);

// Words of attacks as ROT13 and reversal write them.
std::vector<std::string> disguised_words();

// What match_spelling() knows letter by letter, "i g n o r e": the first two letters and the sign
// that stands between each two.
inline constexpr std::string_view kSpacedPairs[] = {"ig", "di", "fo", "ov", "by", "sy", "re",
                                                    "pr", "in", "pa", "se", "te", "wh"};
inline constexpr std::string_view kSpacedSeparators = " .-_*/|,\\";
constexpr bool opens_spaced(char first, char separator) {
  if (kSpacedSeparators.find(separator) == std::string_view::npos) return false;
  for (const std::string_view pair : kSpacedPairs) {
    if (fold(first) == pair[0]) return true;
  }
  return false;
}
constexpr bool opens_spaced(char first, char separator, char second) {
  for (const std::string_view pair : kSpacedPairs) {
    if (fold(first) == pair[0] && fold(second) == pair[1]) {
      return opens_spaced(first, separator);
    }
  }
  return false;
}

// Words that a phrase of Chinese, Japanese or Korean can begin with.
std::vector<std::string_view> ideograph_openers();

}  // namespace capsem::detect::injection
