// A regular expression of a policy file: RE2, so matching is linear in the text whatever the
// pattern (T15), and its memory is capped. Immutable; shared by all threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace capsem::policy {

class Pattern {
 public:
  static constexpr std::size_t kBytesMax = 4'096;           // of the pattern's text
  static constexpr std::size_t kMemoryBytesMax = 2u << 20;  // program and cached states

  // Longest: of the matches from one place the longest counts, and ^ and $ are a line's ends.
  enum class Extent : std::uint8_t { First, Longest };
  struct Limits {
    Extent extent = Extent::First;
    std::size_t bytes_max = kBytesMax, memory_bytes_max = kMemoryBytesMax;
  };

  // Errors (code "invalid_pattern") say what is wrong, without a place.
  static Result<Pattern> compile(std::string_view text);
  static Result<Pattern> compile(std::string_view text, const Limits& limits);

  // Whether it matches anywhere in the text.
  bool found_in(std::string_view text) const;
  // Where the first match in [from, to) begins. What stands around is seen by \b, ^ and $.
  std::optional<std::size_t> first_in(std::string_view text, std::size_t from,
                                      std::size_t to) const;
  // Where the match ends that begins at `from`, looked for in [from, to).
  std::optional<std::size_t> end_at(std::string_view text, std::size_t from, std::size_t to) const;
  const std::string& text() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace capsem::policy
