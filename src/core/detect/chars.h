// Byte classes that the scanners share. Text is UTF-8, but nothing here decodes it: the first byte
// of a sequence decides, so that a scan costs the same whatever the script.
//
// A "blob" byte can stand inside an entity without white space: an address, a number, a name.
// Everything else ("closers": quotes, brackets, line ends, commas, ideographs) ends every live
// candidate, which is what lets a stream be released.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace capsem::detect {

inline constexpr std::uint8_t kDigit = 1, kUpper = 2, kLower = 4, kHex = 8, kLocal = 16, kBlob = 32,
                              kWord = 64, kDomain = 128;
inline constexpr std::uint8_t kAlpha = kUpper | kLower;
inline constexpr std::uint8_t kAlnum = kAlpha | kDigit;

namespace internal {
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> t{};
  constexpr std::uint8_t every = kLocal | kBlob | kWord | kDomain;
  for (unsigned c = '0'; c <= '9'; ++c) t[c] = kDigit | kHex | every;
  for (unsigned c = 'A'; c <= 'Z'; ++c) t[c] = static_cast<std::uint8_t>(kUpper | every);
  for (unsigned c = 'a'; c <= 'z'; ++c) t[c] = static_cast<std::uint8_t>(kLower | every);
  for (unsigned i = 0; i < 6; ++i) {
    t['A' + i] |= kHex;
    t['a' + i] |= kHex;
  }
  t['_'] = kLocal | kBlob | kWord;
  for (const char c : std::string_view(".+-%'!#$*~^&")) {
    t[static_cast<unsigned char>(c)] = kLocal | kBlob;
  }
  t['-'] |= kDomain;
  for (const char c : std::string_view("@:/()")) t[static_cast<unsigned char>(c)] = kBlob;
  // Letters of two bytes (Latin with marks, Greek, Cyrillic, Hebrew, Arabic) and U+1000..1FFF
  // (Vietnamese among them) belong to words. C2 leads signs and spaces; longer sequences are
  // ideographs, symbols and typographic quotes: they end words.
  for (unsigned c = 0xC3; c <= 0xDF; ++c) t[c] = every;
  t[0xE1] = every;
  return t;
}
inline constexpr std::array<std::uint8_t, 256> kClasses = make_classes();
}  // namespace internal

constexpr std::uint8_t class_of(char c) {
  return internal::kClasses[static_cast<unsigned char>(c)];
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
constexpr bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_alpha(char c) {
  return (class_of(c) & kAlpha) != 0;
}
constexpr bool is_alnum(char c) {
  return (class_of(c) & kAlnum) != 0;
}
constexpr char fold(char c) {
  return is_upper(c) ? static_cast<char>(c | 0x20) : c;
}

constexpr bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

// The class of the character that holds byte i. A continuation byte has the class of its lead.
constexpr std::uint8_t class_at(std::string_view s, std::size_t i) {
  for (unsigned back = 0; back < 4; ++back) {
    if (!is_continuation(s[i])) return class_of(s[i]);
    if (i == 0) break;
    --i;
  }
  return 0;
}

// Regular expressions' \b between s[p - 1] and s[p], where s[p] (or s[p - 1]) is a word character.
constexpr bool word_before(std::string_view s, std::size_t p) {
  return p > 0 && (class_at(s, p - 1) & kWord) != 0;
}
constexpr bool word_at(std::string_view s, std::size_t p) {
  return p < s.size() && (class_of(s[p]) & kWord) != 0;
}
constexpr char char_at(std::string_view s, std::size_t p) {
  return p < s.size() ? s[p] : '\0';
}
constexpr char char_before(std::string_view s, std::size_t p) {
  return p > 0 ? s[p - 1] : '\0';
}

constexpr bool digit_at(std::string_view s, std::size_t p) {
  return p < s.size() && is_digit(s[p]);
}

// End of the digits that begin at p.
constexpr std::size_t digits_end(std::string_view s, std::size_t p) {
  while (digit_at(s, p)) ++p;
  return p;
}

// What one recognizer makes of one place: `end` 0 means nothing.
struct Match {
  std::size_t end = 0;
  float score = 0;
  explicit operator bool() const { return end != 0; }
};

}  // namespace capsem::detect
