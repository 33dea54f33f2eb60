// Where a recognizer may have something to say, 64 places at a time: words by their letters as a
// whole, where one begins; all else by its first three bytes (half_bytes.h; the sets are groups of
// triggers). May report too much, never too little.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/half_bytes.h"
#include "core/detect/injection_plain_word.h"

namespace capsem::detect::injection {

class TriggerFilter {
 public:
  // A word in lower case, found in any letter case where no letter or digit stands before it.
  void add_word(std::string_view word);
  // Any of the bytes in each of three places, empty for every byte. `group`: alike triggers share
  // one; those of kInsideGroup count after an ASCII letter only.
  void add_bytes(unsigned group, std::string_view first, std::string_view second,
                 std::string_view third);
  static constexpr unsigned kFreeGroups = 6, kInsideGroup = 7;

  // Calls visit(place) for the places >= p that may be triggers, in order, until it returns false.
  // Bytes past the end of the text count as whatever would make a trigger.
  template <class Visit>
  void each(std::string_view text, std::size_t p, Visit visit) const {
    while (p < text.size()) {
      const Block block = block_at(text, p);
      for (std::uint64_t some = block.triggers; some != 0; some &= some - 1) {
        if (!visit(p + static_cast<unsigned>(std::countr_zero(some)))) return;
      }
      p += block.size;
    }
  }

 private:
  static constexpr std::size_t kPlaces = 64, kReads = kPlaces + 8;  // a word is loaded as eight
  using Groups = std::array<HalfBytes, 3>;

  struct Block {
    std::uint64_t triggers = 0;  // a bit per place
    std::size_t size = kPlaces;
  };
  class Tail;
  // What each byte of a block is, a bit each.
  struct Bytes {
    std::uint64_t alpha = 0, alnum = 0, zero = 0;
    std::uint64_t joins = 0;                 // a word may go on over it: apostrophes, other scripts
    std::uint64_t alternates = 0;            // the next but two is as the next
    std::uint64_t mark = 0, in_letters = 0;  // so may any other trigger's first bytes
  };
  // Places to look at.
  struct Masks {
    std::uint64_t word = 0, odd_word = 0, mark = 0;
    std::uint64_t zero = 0;  // numbers that begin with one
    std::uint64_t alnum = 0, joins = 0;
    std::size_t size = kPlaces;

    void end_before_open_word();
  };

  Bytes bytes_of(const char* at) const;
  Masks masks_of(const char* at, char before) const;
  Masks tail_masks(const Tail& tail, std::size_t left, char before) const;
  std::uint64_t plain_words(const char* at, Masks& masks) const;
  Block block_at(std::string_view text, std::size_t p) const;
  Block last_block(std::string_view text, std::size_t p, std::size_t left, char before) const;
  Block block_of(std::string_view text, std::size_t p, const char* at, Masks masks) const;

  bool likely_word(std::string_view text, std::size_t p) const;
  bool likely_mark(std::string_view text, std::size_t p) const;
  bool likely_pair(std::string_view text, std::size_t p) const;
  bool likely_high_word(std::string_view text, std::size_t p) const;

  Groups groups_;     // of all but ASCII words
  HashSet words_;     // plain ones, whole
  HashSet prefixes_;  // one to four letters of all words: of those that go on in another script
  std::array<std::uint64_t, 65536 / 64> pairs_{};  // first two bytes of all else
};

}  // namespace capsem::detect::injection
