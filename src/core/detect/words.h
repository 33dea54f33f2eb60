// Words as names are made of them: letters of Latin and neighbouring scripts, with '-' and '\''
// inside. What stands around a place is read word by word, never further than the limits here, so
// that the answer for a place depends on nearby text alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/detect/chars.h"

namespace capsem::detect {

inline constexpr std::size_t kWordMax = 32;  // bytes; what is longer is no word

enum class WordShape : std::uint8_t {
  Lower,
  Capital,  // "John", "O'Brien"
  Initial,  // "J." (its dot belongs to it)
  Shouted,  // "JOHN", "USA"
  Mixed,    // "McDonald", "ChatGPT"
  Dotted,   // "U.S.", "J.R.R."
};

// Without initialisers: a run has room for many that are never written.
struct Word {
  std::size_t begin, end;  // end 0: no word
  std::uint64_t hash;      // name_hash(); only look_up() sets it,
  std::uint32_t flags;     // and what the name table knows of it
  WordShape shape;

  explicit operator bool() const { return end != 0; }
  bool capital() const { return shape != WordShape::Lower; }
  std::string_view text(std::string_view s) const { return s.substr(begin, end - begin); }
};

// The upper-case letter (ASCII or Latin with marks) at p, in bytes; 0: there is none.
std::size_t upper_size(std::string_view s, std::size_t p);

namespace internal {
constexpr std::array<bool, 256> make_letters() {
  std::array<bool, 256> t{};
  for (unsigned i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    t[i] = is_alpha(c) || is_continuation(c) ||
           (!is_digit(c) && c != '_' && (class_of(c) & kWord) != 0);
  }
  return t;
}
inline constexpr auto kLetters = make_letters();
}  // namespace internal

// A letter of some script, or a byte inside one.
constexpr bool letter_byte(char c) {
  return internal::kLetters[static_cast<unsigned char>(c)];
}

// Sets what the name table knows of w.
void look_up(std::string_view s, Word& w);

// The word that begins at p, not looked up. Digits and '_' directly around it make it no word.
// REQUIRES: no word character before p.
Word word_at_place(std::string_view s, std::size_t p);

// The same, for a place of which nothing is known: no word where none begins.
Word word_here(std::string_view s, std::size_t p);

// The word after exactly one space; the dot of an initial or an abbreviation is passed over.
Word next_word(std::string_view s, const Word& w);
// The word before p, with exactly one space (and such a dot) between.
Word previous_word(std::string_view s, std::size_t p);

// Whether w, written with a dot, is an abbreviation that does not end a sentence: "St.", "Mr.".
bool is_abbreviation(std::string_view s, const Word& w);

bool equals_folded(std::string_view s, const Word& w, std::string_view lower);

template <std::size_t N>
bool one_of(std::string_view s, const Word& w, const std::array<std::string_view, N>& list) {
  for (const std::string_view entry : list) {
    if (equals_folded(s, w, entry)) return true;
  }
  return false;
}

// Refuses most words, by their first letter and their size, before they are compared with lists.
class WordFilter {
 public:
  template <std::size_t N>
  constexpr void add(const std::array<std::string_view, N>& list) {
    for (const std::string_view word : list) {
      sizes_[static_cast<unsigned char>(word[0])] |= 1U << word.size();
    }
  }
  constexpr bool may_hold(std::string_view word) const {
    return !word.empty() && word.size() < 32 &&
           (sizes_[static_cast<unsigned char>(word[0])] >> word.size() & 1) != 0;
  }

 private:
  std::array<std::uint32_t, 256> sizes_{};  // a bit for each size of a word with this first letter
};

// "de", "van", ...: lower-case words inside names. `part`: the beginning of one is enough.
bool is_particle(std::string_view word, bool part);

}  // namespace capsem::detect
