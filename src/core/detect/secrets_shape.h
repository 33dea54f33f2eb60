// The shapes of tokens, in a notation of literals and counted byte classes:
//
//   "ghp_%A36;"              "ghp_", then exactly 36 letters or digits
//   "xoxb-%d8-14;-%A18-30;"  8 to 14 digits, a dash, 18 to 30 letters or digits
//   "sk-proj-%t40-*;"        at least 40, as many as there are
//   "sdk-%#;"                a UUID
//
// A class takes as many bytes as it can: nothing is taken back. A shape ends where neither its last
// class nor a word goes on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/detect/secrets_probe.h"

namespace capsem::detect::secrets {

// Longest stretch of a token that a finding covers; the rest is its Tail::Token.
inline constexpr std::size_t kTokenBytesMax = 384;

// Bytes of a class, by its letter:
//   d 0-9   h 0-9a-f   H hexadecimal   l a-z   U A-Z   u A-Z0-9   a a-z0-9   g letters
//   A letters and digits   w A_   t A_-   b A+/   B A+/=   e A_-=   T A_-=+/.%~   z A-Z2-7
//   s A_-.~   c A./   q upper-case bech32
bool in_class(char c, char letter);

struct ShapeMatch {
  std::size_t body = 0;  // offset of the first byte that is not fixed
  std::size_t end = 0;
  bool cut = false;  // the token goes on beyond `end`
};

// The first bytes of a text or a shape, for many shapes to compare at once.
struct Head {
  std::uint64_t bytes = 0;
  std::uint64_t mask = 0;  // all ones where there is a byte

  bool fits(const Head& other) const { return ((bytes ^ other.bytes) & mask & other.mask) == 0; }
};
Head read_head(std::string_view text);

class Shape {
 public:
  // REQUIRES: well-formed notation, which outlives the shape.
  explicit Shape(std::string_view notation);

  std::optional<ShapeMatch> match(Probe& probe, std::size_t p) const;

  // Can a token of this shape begin with c?
  bool may_begin(char c) const;
  bool begins_with_literal() const { return parts_.front().letter == 0; }
  // The first bytes of the literal that the shape begins with; no `mask`: it begins with a class.
  Head head() const;
  // Cheap and necessary: false if no token of this shape stands at p.
  bool plausible(std::string_view text, std::size_t p) const {
    return p + hint_offset_ >= text.size() || text[p + hint_offset_] == hint_ || hint_ == 0;
  }
  std::size_t size_min() const;

 private:
  struct Part {
    char letter = 0;        // 0: a literal
    std::uint32_t bit = 0;  // of the class
    std::string_view literal;
    std::size_t min = 0, max = 0;  // max: kTokenBytesMax if unbounded
    bool unbounded = false;
  };
  static std::optional<std::size_t> match_uuid(Probe& probe, std::size_t p);

  std::vector<Part> parts_;
  std::size_t hint_offset_ = 0;
  char hint_ = 0;  // 0: the shape has no fixed byte at a fixed offset
};

}  // namespace capsem::detect::secrets
