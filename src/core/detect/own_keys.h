// Finds the gateway's own stored keys in a text: as they are, and as somebody would write them to
// carry them out.
//
// Looked for of each key: itself; base64 in both alphabets, wherever in a longer base64 text it
// stands; hexadecimal; percent-encoded byte by byte, or where it has to be; reversed. Letter case
// is ignored throughout. Of a key longer than kOwnKeyBytes it is the first so many bytes (of the
// reversed one: the last), so that a copy is recognised before it is complete. JSON's escapes are
// undone before any detector sees a text. Not recognised: line breaks inside, ciphers, pieces.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/detector.h"

namespace capsem::detect {

inline constexpr std::size_t kOwnKeyBytesMin = 16;  // shorter ones are not looked for
inline constexpr std::size_t kOwnKeyBytes = 48;

struct KeyToFind {
  std::string_view value;  // kOwnKeyBytesMin at least
  RuleId rule;
};

// All spellings of one key, without doubles.
std::vector<std::string> spellings_of(std::string_view key);

// Score 1. Holds back what a keyword detector would. Its tables are wiped when it dies.
std::unique_ptr<const Detector> make_own_key_detector(std::span<const KeyToFind> keys);

}  // namespace capsem::detect
