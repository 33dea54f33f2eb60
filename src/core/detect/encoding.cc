#include "core/detect/encoding.h"

#include <algorithm>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

constexpr std::array<std::int8_t, 256> make_base64() {
  std::array<std::int8_t, 256> t{};
  t.fill(-1);
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  for (std::size_t i = 0; i < digits.size(); ++i) {
    t[static_cast<unsigned char>(digits[i])] = static_cast<std::int8_t>(i);
  }
  t['+'] = t['-'] = 62;
  t['/'] = t['_'] = 63;
  return t;
}
constexpr auto kBase64 = make_base64();

constexpr Reading kOpen{.is = Encoded::Open};

// UTF-8 of a code point as a unit of `span` bytes. NUL would be the end of the text: a space.
Reading unit(char32_t c, std::size_t span) {
  Reading r{.is = Encoded::Unit, .span = static_cast<std::uint8_t>(span)};
  const auto put = [&r](char32_t b) { r.text[r.size++] = static_cast<char>(b); };
  if (c < 0x80) {
    put(c == 0 ? ' ' : c);
  } else if (c < 0x800) {
    put(0xC0 | c >> 6);
    put(0x80 | (c & 63));
  } else if (c < 0x10000) {
    put(0xE0 | c >> 12);
    put(0x80 | (c >> 6 & 63));
    put(0x80 | (c & 63));
  } else {
    put(0xF0 | c >> 18);
    put(0x80 | (c >> 12 & 63));
    put(0x80 | (c >> 6 & 63));
    put(0x80 | (c & 63));
  }
  return r;
}

Reading byte_unit(int value, std::size_t span) {
  Reading r{.is = Encoded::Unit, .span = static_cast<std::uint8_t>(span)};
  r.text[r.size++] = value == 0 ? ' ' : static_cast<char>(value);
  return r;
}

bool is_scalar(char32_t c) {
  return c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
}

// Exactly `count` hexadecimal digits at s[at].
struct Digits {
  Encoded is = Encoded::No;  // No, Open, or Unit: they are there
  char32_t value = 0;
};
Digits hex_digits(std::string_view s, std::size_t at, std::size_t count, bool last) {
  Digits d{.is = Encoded::Unit};
  for (std::size_t i = at; i < at + count; ++i) {
    if (i >= s.size()) return {last ? Encoded::No : Encoded::Open, 0};
    const int v = hex_value(s[i]);
    if (v < 0) return {};
    d.value = d.value << 4 | static_cast<char32_t>(v);
  }
  return d;
}

// "XXXX" at s[at], the second half of a surrogate pair with its "\u" included.
Reading utf16_unit(std::string_view s, std::size_t at, bool last) {
  const Digits high = hex_digits(s, at, 4, last);
  if (high.is != Encoded::Unit) return {.is = high.is};
  if (is_scalar(high.value)) return unit(high.value, at + 4);
  if (high.value >= 0xDC00) return {};
  for (const char expected : {s[0], s[1]}) {
    const std::size_t i = at + (expected == s[0] ? 4 : 5);
    if (i >= s.size()) return last ? Reading{} : kOpen;
    if (s[i] != expected) return {};
  }
  const Digits low = hex_digits(s, at + 6, 4, last);
  if (low.is != Encoded::Unit) return {.is = low.is};
  if (low.value < 0xDC00 || low.value > 0xDFFF) return {};
  return unit(0x10000 + ((high.value - 0xD800) << 10) + (low.value - 0xDC00), at + 10);
}

Reading read_percent(std::string_view s, bool last) {
  if (s.size() == 1) return last ? Reading{} : kOpen;
  if (s[1] == 'u' || s[1] == 'U') return utf16_unit(s, 2, last);
  const Digits d = hex_digits(s, 1, 2, last);
  if (d.is != Encoded::Unit) return {.is = d.is};
  return byte_unit(static_cast<int>(d.value), 3);
}

// "\u{1F600}", at most six digits.
Reading read_braced(std::string_view s, bool last) {
  char32_t value = 0;
  for (std::size_t i = 3; i < 10; ++i) {
    if (i >= s.size()) return last ? Reading{} : kOpen;
    if (s[i] == '}') return i > 3 && is_scalar(value) ? unit(value, i + 1) : Reading{};
    const int v = hex_value(s[i]);
    if (v < 0) return {};
    value = value << 4 | static_cast<char32_t>(v);
  }
  return {};
}

Reading read_backslash(std::string_view s, bool last) {
  if (s.size() == 1) return last ? Reading{} : kOpen;
  switch (s[1]) {
    case 'u':
      if (s.size() == 2) return last ? Reading{} : kOpen;
      return s[2] == '{' ? read_braced(s, last) : utf16_unit(s, 2, last);
    case 'U': {
      const Digits d = hex_digits(s, 2, 8, last);
      if (d.is != Encoded::Unit) return {.is = d.is};
      return is_scalar(d.value) ? unit(d.value, 10) : Reading{};
    }
    case 'x': {
      const Digits d = hex_digits(s, 2, 2, last);
      if (d.is != Encoded::Unit) return {.is = d.is};
      return byte_unit(static_cast<int>(d.value), 4);
    }
    case 'n':
      return byte_unit('\n', 2);
    case 'r':
      return byte_unit('\r', 2);
    case 't':
      return byte_unit('\t', 2);
    case '"':
    case '\'':
    case '/':
    case '\\':
      return byte_unit(s[1], 2);
    default:
      return {};
  }
}

struct Entity {
  std::string_view name;
  char32_t value;
};
// Those that stand for characters of addresses, numbers, keys and markup, and for spaces.
constexpr Entity kEntities[] = {
    {"amp", '&'},       {"apos", '\''},    {"ast", '*'},      {"bsol", '\\'},   {"colon", ':'},
    {"comma", ','},     {"commat", '@'},   {"dash", 0x2010},  {"dollar", '$'},  {"emsp", 0x2003},
    {"ensp", 0x2002},   {"equals", '='},   {"excl", '!'},     {"gt", '>'},      {"hyphen", 0x2010},
    {"lbrack", '['},    {"lcub", '{'},     {"lowbar", '_'},   {"lpar", '('},    {"lsqb", '['},
    {"lt", '<'},        {"mdash", 0x2014}, {"minus", 0x2212}, {"nbsp", 0xA0},   {"ndash", 0x2013},
    {"NewLine", '\n'},  {"num", '#'},      {"percnt", '%'},   {"period", '.'},  {"plus", '+'},
    {"quest", '?'},     {"quot", '"'},     {"rbrack", ']'},   {"rcub", '}'},    {"rpar", ')'},
    {"rsqb", ']'},      {"semi", ';'},     {"shy", 0xAD},     {"sol", '/'},     {"Tab", '\t'},
    {"thinsp", 0x2009}, {"verbar", '|'},   {"zwj", 0x200D},   {"zwnj", 0x200C},
};
constexpr std::size_t kEntityNameMax = 7;
constexpr std::size_t kEntityDigitsMax = 10;  // leading zeros are allowed for

// "&#64;" "&#x40;": browsers do without the semicolon, so it may be missing.
Reading read_numeric_entity(std::string_view s, bool last) {
  if (s.size() == 2) return last ? Reading{} : kOpen;
  const bool hex = s[2] == 'x' || s[2] == 'X';
  const std::size_t begin = hex ? 3 : 2;
  char32_t value = 0;
  std::size_t p = begin;
  for (; p < s.size() && p < begin + kEntityDigitsMax; ++p) {
    const int v = hex ? hex_value(s[p]) : is_digit(s[p]) ? s[p] - '0' : -1;
    if (v < 0) break;
    value = value * (hex ? 16 : 10) + static_cast<char32_t>(v);
    if (value > 0x10FFFF) return {};
  }
  if (p == s.size() && !last) return kOpen;
  if (p == begin || !is_scalar(value)) return {};
  return unit(value, p < s.size() && s[p] == ';' ? p + 1 : p);
}

Reading read_entity(std::string_view s, bool last) {
  if (s.size() == 1) return last ? Reading{} : kOpen;
  if (s[1] == '#') return read_numeric_entity(s, last);
  std::size_t p = 1;
  while (p < s.size() && p <= kEntityNameMax && is_alpha(s[p])) ++p;
  if (p == s.size() && p <= kEntityNameMax && !last) return kOpen;
  if (p == s.size() || s[p] != ';') return {};
  const auto* entity = std::ranges::find(kEntities, s.substr(1, p - 1), &Entity::name);
  return entity == std::end(kEntities) ? Reading{} : unit(entity->value, p + 1);
}

// How far the digits of one encoding decode to text, at most `enough` digits.
struct Probe {
  bool text = true;  // nothing speaks against it
  std::size_t size = 0;
};

Probe probe_hex(std::string_view s) {
  TextCheck check;
  Probe probe;
  int held = -1;
  for (; probe.size < std::min(s.size(), kHexMin); ++probe.size) {
    const int v = hex_value(s[probe.size]);
    if (v < 0) break;
    if (held >= 0) {
      if (!check.right(static_cast<char>(held << 4 | v))) return {false, probe.size};
      held = -1;
    } else {
      held = v;
    }
  }
  return probe;
}

Probe probe_base64(std::string_view s) {
  TextCheck check;
  Probe probe;
  unsigned held = 0, bits = 0;
  for (; probe.size < std::min(s.size(), kBase64Min); ++probe.size) {
    const int v = base64_value(s[probe.size]);
    if (v < 0) break;
    held = held << 6 | static_cast<unsigned>(v);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      if (!check.right(static_cast<char>(held >> bits & 255))) return {false, probe.size};
    }
  }
  return probe;
}

// A run of digits of either kind. Hexadecimal, the rarer, is asked first.
Reading read_run(std::string_view s, char before, bool last) {
  if (is_alnum(before)) return {};
  const auto open = [&](const Probe& p) { return p.text && p.size == s.size() && !last; };
  const Probe hex = probe_hex(s);
  if (hex.text && hex.size == kHexMin) return {.is = Encoded::Hex};
  const Probe base64 = probe_base64(s);
  const bool is_text = base64.text && base64.size == kBase64Min;
  if (open(hex) || (!is_text && open(base64))) return kOpen;
  return {.is = is_text ? Encoded::Base64 : Encoded::No};
}

}  // namespace

bool TextCheck::right(char byte) {
  const auto b = static_cast<unsigned char>(byte);
  if (expected_ > 0) {
    --expected_;
    if (is_continuation(byte)) return true;
    expected_ = 0;
    return false;
  }
  if (b < 0x80) return (b >= 0x20 && b != 0x7F) || b == '\t' || b == '\n' || b == '\r';
  if (b < 0xC2 || b > 0xF4) return false;
  expected_ = b < 0xE0 ? 1 : b < 0xF0 ? 2 : 3;
  return true;
}

bool TextCheck::accept(char byte, bool& wrong) {
  wrong = !right(byte);
  if (!wrong) {
    if (credit_ < 2 * kRightBytes) ++credit_;
    return true;
  }
  if (credit_ < kRightBytes) return false;
  credit_ = static_cast<std::uint8_t>(credit_ - kRightBytes);
  return true;
}

int base64_value(char c) {
  return kBase64[static_cast<unsigned char>(c)];
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char f = fold(c);
  return f >= 'a' && f <= 'f' ? f - 'a' + 10 : -1;
}

Reading read_encoded(std::string_view s, char before, bool last) {
  switch (s[0]) {
    case '%':
      return read_percent(s, last);
    case '&':
      return read_entity(s, last);
    case '\\':
      return read_backslash(s, last);
    default:
      return is_base64(s[0]) ? read_run(s, before, last) : Reading{};
  }
}

}  // namespace capsem::detect
