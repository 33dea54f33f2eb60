// Shapes: how a number or code is written, as a short row of text.
//
//   9      a digit             A      a letter, either case      X      a letter or digit
//   [..]   one of a set: characters, ranges, letters in either case ("[A-CE0-9]"); "[A-]" a dash
//   {AB}   the letters or signs themselves, letters in either case
//   *n *n~m    the last one n times, or n to m times              ?      the last one or nothing
//
// Anything else stands for itself (" ", "-", "/", ".", "+"). A shape is as long as its text allows:
// earlier parts take what they can and give back what later ones need.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace capsem::detect {

// A set of characters of one byte.
class CharSet {
 public:
  constexpr void insert(char c) { words_[index(c) / 64] |= std::uint64_t{1} << index(c) % 64; }
  constexpr bool has(char c) const { return (words_[index(c) / 64] >> index(c) % 64 & 1) != 0; }
  void insert(const CharSet& other) {
    for (std::size_t i = 0; i < words_.size(); ++i) words_[i] |= other.words_[i];
  }
  bool meets(const CharSet& other) const {
    std::uint64_t both = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) both |= words_[i] & other.words_[i];
    return both != 0;
  }
  bool holds(const CharSet& other) const {
    std::uint64_t missing = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) missing |= other.words_[i] & ~words_[i];
    return missing == 0;
  }
  bool operator==(const CharSet&) const = default;

 private:
  static constexpr std::size_t index(char c) { return static_cast<unsigned char>(c); }
  std::array<std::uint64_t, 4> words_{};
};

class Shape {
 public:
  // REQUIRES: well formed; shapes are part of the program.
  explicit Shape(std::string_view text);

  struct Fit {
    std::size_t end = 0;  // 0: does not fit
    bool open = false;    // more text could make it fit, or fit longer
  };
  // Fits s at p up to a word boundary. Reads at most size_max() + 1 bytes.
  Fit fit(std::string_view s, std::size_t p) const;

  std::size_t size_max() const { return size_max_; }
  std::size_t size_min() const { return size_min_; }
  const CharSet& any() const { return any_; }      // what may stand anywhere in it
  const CharSet& first() const { return first_; }  // what may stand first
  // How many letters or digits (of the kind of the first character) a text of this shape begins
  // with, before the first other character.
  struct RunBounds {
    std::size_t min = 0, max = 0;
  };
  RunBounds letters() const { return run(true); }
  RunBounds digits() const { return run(false); }
  // What may follow n letters, or n digits, that a text of this shape begins with.
  struct Next {
    bool possible = false;  // a text of this shape may begin so
    bool nothing = false;   // these may be all of it
    bool any = false;       // any such that begin with one of first() are all of it
    CharSet chars;
  };
  Next after(bool letters, std::size_t n) const;
  // Whether words of letters stand beside a space in it: it may begin in one word and need the
  // next.
  bool crosses_words() const;
  // Whether a digit must come before anything but letters: the text can be found from its digit.
  bool digit_in_first_token() const;

 private:
  struct Part {
    CharSet set;
    std::uint8_t min = 1, max = 1;
  };
  void join_equal_parts();
  // How often each part may have been taken after n characters of `kind`, as bits; behind the last
  // part a bit for a whole text. `every`: whichever characters of the kind these are.
  std::vector<std::uint64_t> reached(const CharSet& kind, std::size_t n, bool every) const;
  RunBounds run(bool letters) const;
  bool fit_from(std::string_view s, std::size_t p, std::size_t part, Fit& fit) const;

  std::vector<Part> parts_;
  CharSet first_;
  CharSet any_;
  std::size_t size_min_ = 0, size_max_ = 0;
};

}  // namespace capsem::detect
