// Shell patterns over whole names: `*` any run of bytes, `/` included (R77), `?` one character,
// `[a-z]` and `[!a-z]` one character of a set. `\x` is x itself. Letter case counts.
//
// Immutable once parsed; shared by all threads. Matching takes time linear in pattern times text at
// worst, and allocates nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem {

class Glob {
 public:
  static constexpr std::size_t kBytesMax = 1'024;

  // Errors (code "invalid_glob"): longer than kBytesMax, a `[` without its end, a `\` at the end.
  static Result<Glob> parse(std::string_view pattern);

  bool matches(std::string_view text) const;

  const std::string& pattern() const { return pattern_; }
  // What every match begins with; the whole name when is_literal().
  const std::string& prefix() const { return prefix_; }
  bool is_literal() const { return tokens_.empty(); }
  bool matches_everything() const {
    return prefix_.empty() && tokens_.size() == 1 && tokens_[0].kind == Kind::Run;
  }
  // Some text matches both (a product automaton). For load time, not for requests.
  bool overlaps(const Glob& other) const;
  // Every text that `other` matches is matched by this one. For load time. Patterns that would need
  // more than kCoverStatesMax states to tell are not known to cover anything: false.
  static constexpr std::size_t kCoverStatesMax = 2'000;
  bool covers(const Glob& other) const;
  // A text that matches, for sample requests: each `*` is empty, each set its first member.
  std::string witness() const;

 private:
  enum class Kind : std::uint8_t { Byte, One, Set, Run };
  struct Token {
    Kind kind;
    char byte = 0;
    std::uint16_t set = 0;  // index into sets_
  };
  // Characters of a set: bytes below 128 by bit; others match a negated set only.
  struct Set {
    std::uint64_t bits[2] = {0, 0};
    bool negated = false;
    bool has(unsigned char c) const {
      const bool listed = c < 128 && ((bits[c / 64] >> (c % 64)) & 1) != 0;
      return listed != negated;
    }
  };

  // One character of the pattern.
  struct Step {
    Kind kind;
    std::string character{};
    std::uint16_t set = 0;
  };
  struct Letter;

  bool takes(const Token& token, unsigned char c) const;
  bool takes(const Step& step, const Letter& letter) const;
  std::vector<Step> steps() const;
  static std::vector<Letter> alphabet(const std::vector<Step>& a, const std::vector<Step>& b);

  std::string pattern_, prefix_;
  std::vector<Token> tokens_;  // what follows the prefix; empty: a literal
  std::vector<Set> sets_;
};

}  // namespace capsem
