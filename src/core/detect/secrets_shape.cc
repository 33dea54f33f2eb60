#include "core/detect/secrets_shape.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "core/detect/chars.h"

namespace capsem::detect::secrets {
namespace {

struct ClassName {
  char letter;
  std::string_view extra;  // bytes beyond the ranges
  bool digits, lower, upper;
};

constexpr auto kClassNames = std::to_array<ClassName>({
    {'d', "", true, false, false},
    {'h', "abcdef", true, false, false},
    {'H', "abcdefABCDEF", true, false, false},
    {'l', "", false, true, false},
    {'U', "", false, false, true},
    {'u', "", true, false, true},
    {'a', "", true, true, false},
    {'g', "", false, true, true},
    {'A', "", true, true, true},
    {'w', "_", true, true, true},
    {'t', "_-", true, true, true},
    {'b', "+/", true, true, true},
    {'B', "+/=", true, true, true},
    {'e', "_-=", true, true, true},
    {'T', "_-=+/.%~", true, true, true},
    {'z', "234567", false, false, true},
    {'s', "_-.~", true, true, true},
    {'c', "./", true, true, true},
    {'q', "023456789ACDEFGHJKLMNPQRSTUVWXYZ", false, false, false},
});

// One bit per class and byte.
constexpr std::array<std::uint32_t, 256> make_class_bits() {
  std::array<std::uint32_t, 256> bits{};
  for (std::size_t i = 0; i < kClassNames.size(); ++i) {
    const ClassName& name = kClassNames[i];
    const std::uint32_t bit = std::uint32_t{1} << i;
    for (unsigned c = 0; c < 128; ++c) {
      const char x = static_cast<char>(c);
      if ((name.digits && is_digit(x)) || (name.lower && is_lower(x)) ||
          (name.upper && is_upper(x)) || name.extra.find(x) != std::string_view::npos) {
        bits[c] |= bit;
      }
    }
  }
  return bits;
}
constexpr auto kClassBits = make_class_bits();

constexpr std::array<std::uint32_t, 128> make_letter_bits() {
  std::array<std::uint32_t, 128> bits{};
  for (std::size_t i = 0; i < kClassNames.size(); ++i) {
    bits[static_cast<unsigned char>(kClassNames[i].letter)] = std::uint32_t{1} << i;
  }
  return bits;
}
constexpr auto kLetterBits = make_letter_bits();

constexpr std::uint32_t bit_of(char letter) {
  return kLetterBits[static_cast<unsigned char>(letter) & 127];
}

constexpr char kUuid = '#';
constexpr std::size_t kUuidSize = 36;

std::size_t read_count(std::string_view notation, std::size_t& i) {
  std::size_t count = 0;
  for (; i < notation.size() && is_digit(notation[i]); ++i) {
    count = count * 10 + static_cast<std::size_t>(notation[i] - '0');
  }
  return count;
}

}  // namespace

bool in_class(char c, char letter) {
  return (kClassBits[static_cast<unsigned char>(c)] & bit_of(letter)) != 0;
}

Head read_head(std::string_view text) {
  Head head;
  if (text.empty()) return head;
  if (text.size() >= sizeof head.bytes) {
    std::memcpy(&head.bytes, text.data(), sizeof head.bytes);
    head.mask = ~std::uint64_t{0};
  } else {
    std::memcpy(&head.bytes, text.data(), text.size());
    std::memset(&head.mask, 0xff, text.size());
  }
  return head;
}

Head Shape::head() const {
  return read_head(parts_.front().literal);
}

Shape::Shape(std::string_view notation) {
  for (std::size_t i = 0; i < notation.size();) {
    Part part;
    if (notation[i] != '%') {
      const std::size_t end = std::min(notation.find('%', i), notation.size());
      part.literal = notation.substr(i, end - i);
      part.min = part.max = part.literal.size();
      i = end;
    } else {
      part.letter = notation[i + 1];
      part.bit = bit_of(part.letter);
      i += 2;
      part.min = part.max = part.letter == kUuid ? kUuidSize : read_count(notation, i);
      if (notation[i] == '-') {
        ++i;
        part.unbounded = notation[i] == '*';
        part.max = part.unbounded ? kTokenBytesMax : read_count(notation, i);
        if (part.unbounded) ++i;
      }
      ++i;  // ';'
    }
    parts_.push_back(part);
  }
  if (begins_with_literal()) return;
  for (std::size_t i = 0, offset = 0; i < parts_.size(); offset += parts_[i++].min) {
    if (parts_[i].letter == 0) {
      hint_offset_ = offset;
      hint_ = parts_[i].literal[0];
    }
    if (hint_ != 0 || parts_[i].min != parts_[i].max) break;
  }
}

bool Shape::may_begin(char c) const {
  const Part& first = parts_.front();
  if (first.letter == 0) return c == first.literal[0];
  return in_class(c, first.letter == kUuid ? 'H' : first.letter);
}

std::size_t Shape::size_min() const {
  std::size_t size = 0;
  for (const Part& part : parts_) size += part.min;
  return size;
}

std::optional<std::size_t> Shape::match_uuid(Probe& probe, std::size_t p) {
  for (std::size_t i = 0; i < kUuidSize; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = probe.at(p + i);
    if (dash ? c != '-' : !in_class(c, 'H')) return std::nullopt;
  }
  return p + kUuidSize;
}

std::optional<ShapeMatch> Shape::match(Probe& probe, std::size_t p) const {
  ShapeMatch match{.body = p + (begins_with_literal() ? parts_.front().literal.size() : 0)};
  std::size_t at = p;
  for (const Part& part : parts_) {
    if (part.letter == 0) {
      if (!probe.stands_at(at, part.literal)) return std::nullopt;
      at += part.literal.size();
    } else if (part.letter == kUuid) {
      const auto end = match_uuid(probe, at);
      if (!end) return std::nullopt;
      at = *end;
    } else {
      const std::size_t room = kTokenBytesMax - std::min(kTokenBytesMax, at - p);
      const std::size_t most = part.unbounded ? room : part.max;
      const std::size_t count = probe.run(at, most, [&](char c) {
        return (kClassBits[static_cast<unsigned char>(c)] & part.bit) != 0;
      });
      if (count < part.min) return std::nullopt;
      at += count;
      match.cut = part.unbounded && count == most;
    }
  }
  match.end = at;
  if (match.cut) return match;
  const char next = probe.at(at);
  const char last = parts_.back().letter;
  if (in_class(next, 'w') || (last != 0 && in_class(next, last))) return std::nullopt;
  return match;
}

}  // namespace capsem::detect::secrets
