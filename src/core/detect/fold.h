// Characters beyond ASCII that stand for ASCII, or for nothing: the tables behind the views.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "core/detect/view.h"

namespace capsem::detect {

enum class Folds : std::uint8_t {
  No,    // the first byte stands for itself
  Open,  // more bytes are needed to tell
  To,    // the first `span` bytes stand for `text`, which may be empty
};

struct Folded {
  Folds is = Folds::No;
  std::uint8_t span = 1;  // of No too: the whole character
  std::uint8_t size = 0;
  std::array<char, 4> text{};
  std::string_view view() const { return {text.data(), size}; }
};

inline constexpr std::size_t kCharacterMax = 4;  // bytes of UTF-8

// What becomes of the character at s[0], a byte beyond ASCII. Bytes that are no UTF-8 stay. `last`:
// nothing follows s. Never Open when s has kCharacterMax bytes.
Folded read_folded(std::string_view s, View view, bool last);

}  // namespace capsem::detect
