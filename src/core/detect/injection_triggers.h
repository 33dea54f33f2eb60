// What the recognizers begin with, for the filter in front of them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/detect/injection_words.h"

namespace capsem::detect::injection {

// Whether a phrase rule begins with a word of these classes.
bool opens_phrase(WordClasses classes);

// Words of attacks as ROT13 and reversal write them.
std::vector<std::string> disguised_words();

// Words that a phrase of Chinese, Japanese or Korean can begin with.
std::vector<std::string_view> ideograph_openers();

}  // namespace capsem::detect::injection
