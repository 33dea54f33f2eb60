// Names that look like others: letters of several scripts in one word, and characters that turn the
// direction of text or cannot be seen.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>

#include "core/policy/lint.h"

namespace capsem::policy {
namespace {

enum class Script : std::uint8_t {
  Common,
  Latin,
  Greek,
  Cyrillic,
  Armenian,
  Hebrew,
  Arabic,
  Other
};

struct Range {
  char32_t first, last;
  Script script;
};

// The scripts whose letters are mistaken for one another; in order. Han, Kana and Hangul stand
// beside Latin in ordinary names and look like none of it.
constexpr std::array kRanges = {
    Range{U'A', U'Z', Script::Latin},        Range{U'a', U'z', Script::Latin},
    Range{0x00C0, 0x00D6, Script::Latin},    Range{0x00D8, 0x00F6, Script::Latin},
    Range{0x00F8, 0x02AF, Script::Latin},    Range{0x0370, 0x03FF, Script::Greek},
    Range{0x0400, 0x052F, Script::Cyrillic}, Range{0x0531, 0x058F, Script::Armenian},
    Range{0x0591, 0x05F4, Script::Hebrew},   Range{0x0600, 0x06FF, Script::Arabic},
    Range{0x13A0, 0x13FF, Script::Other},    Range{0x1C80, 0x1C8F, Script::Cyrillic},
    Range{0x1E00, 0x1EFF, Script::Latin},    Range{0x1F00, 0x1FFF, Script::Greek},
    Range{0x2C60, 0x2C7F, Script::Latin},    Range{0x2DE0, 0x2DFF, Script::Cyrillic},
    Range{0xA640, 0xA69F, Script::Cyrillic}, Range{0xA720, 0xA7FF, Script::Latin},
    Range{0xFF21, 0xFF5A, Script::Other},    Range{0x1D400, 0x1D7FF, Script::Other},
};

std::string_view name_of(Script script) {
  constexpr std::array<std::string_view, 8> kNames = {"common",   "Latin",  "Greek",  "Cyrillic",
                                                      "Armenian", "Hebrew", "Arabic", "look-alike"};
  return kNames[static_cast<std::size_t>(script)];
}

Script script_of(char32_t c) {
  const auto range = std::ranges::lower_bound(kRanges, c, {}, &Range::last);
  return range != kRanges.end() && c >= range->first ? range->script : Script::Common;
}

// Bidirectional controls, zero-width characters, soft hyphen, variation selectors, tags.
bool is_unseen(char32_t c) {
  return c == 0x00AD || c == 0x061C || c == 0x180E || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) ||
         (c >= 0xFE00 && c <= 0xFE0F) || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE01EF);
}

// The character at the front, which is taken off. REQUIRES: well-formed UTF-8, not empty.
char32_t take_character(std::string_view& text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t c = bytes == 1 ? lead : lead & (0xFFu >> (bytes + 1));
  for (std::size_t i = 1; i < bytes && i < text.size(); ++i) {
    c = (c << 6) | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  }
  text.remove_prefix(std::min(bytes, text.size()));
  return c;
}

}  // namespace

std::string deceptive(std::string_view name) {
  Script seen = Script::Common;
  while (!name.empty()) {
    const char32_t c = take_character(name);
    if (is_unseen(c)) {
      return fmt::format("holds U+{:04X}, which is not seen or turns the direction of text",
                         static_cast<std::uint32_t>(c));
    }
    const Script script = script_of(c);
    if (script == Script::Other) return "holds look-alikes of plain letters";
    if (script == Script::Common) {
      // Words may be of different scripts; one word may not.
      if (c == ' ' || c == '/' || c == '.' || c == ':' || c == '_' || c == '-') {
        seen = Script::Common;
      }
      continue;
    }
    if (seen != Script::Common && seen != script) {
      return fmt::format("mixes {} and {} letters", name_of(seen), name_of(script));
    }
    seen = script;
  }
  return {};
}

}  // namespace capsem::policy
