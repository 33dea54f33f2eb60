// Where a recognizer may have something to say: the first three bytes of every trigger are looked
// for 32 places at a time (half_bytes.h; the sets are groups of triggers), words only where no
// ASCII letter stands before them. May report too much, never too little.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/half_bytes.h"

namespace capsem::detect::injection {

class TriggerFilter {
 public:
  // A word, lower case, at least three letters; found in any letter case.
  void add_word(std::string_view word);
  // Any of the bytes in each of three places, empty for every byte. `group`: alike triggers share
  // one; those of kInsideGroup count after an ASCII letter only.
  void add_bytes(unsigned group, std::string_view first, std::string_view second,
                 std::string_view third);
  static constexpr unsigned kFreeGroups = 3, kInsideGroup = 3;

  // The first place >= p that may be a trigger, or text.size(). Bytes past the end of the text
  // count as whatever would make a trigger.
  std::size_t next(std::string_view text, std::size_t p) const;

 private:
  static constexpr std::size_t kPrefixBits = 15;

  struct Tables;

  static std::size_t prefix_slot(const char* four);
  bool likely_pair(std::string_view text, std::size_t p) const;
  bool likely(std::string_view text, std::size_t p) const;

  std::array<HalfBytes, 3> halves_;
  std::array<std::uint64_t, (std::size_t{1} << kPrefixBits) / 64> prefixes_{};  // of words
  std::array<std::uint64_t, 65536 / 64> pairs_{};  // first two bytes of all else
};

}  // namespace capsem::detect::injection
