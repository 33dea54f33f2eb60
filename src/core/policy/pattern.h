// A regular expression of a policy file: RE2, so matching is linear in the text whatever the
// pattern (T15), and its memory is capped. Immutable; shared by all threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace capsem::policy {

class Pattern {
 public:
  static constexpr std::size_t kBytesMax = 4'096;           // of the pattern's text
  static constexpr std::size_t kMemoryBytesMax = 2u << 20;  // program and cached states

  // Errors (code "invalid_pattern") say what is wrong, without a place.
  static Result<Pattern> compile(std::string_view text);

  // Whether it matches anywhere in the text.
  bool found_in(std::string_view text) const;
  const std::string& text() const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

}  // namespace capsem::policy
