#include "core/detect/own_keys.h"

#include <algorithm>
#include <utility>

#include "core/detect/keyword.h"

namespace capsem::detect {
namespace {

constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789abcdef";

unsigned value_of(char c) {
  return static_cast<unsigned char>(c);
}

// Base64 of `bytes` where `before` bytes stand in front of it: those characters alone that no other
// byte has a share in.
std::string base64_inside(std::string_view bytes, unsigned before) {
  std::string text;
  unsigned bits = 0, held = 0;
  // What comes before is of no account but for its length.
  for (unsigned i = 0; i < before; ++i) held += 8;
  unsigned skip = (held + 5) / 6;
  std::size_t at = 0;
  bits = 0;
  for (;;) {
    while (held < 6 && at < bytes.size()) {
      bits = (bits << 8) | value_of(bytes[at++]);
      held += 8;
    }
    if (held < 6) return text;
    const char digit = kBase64[(bits >> (held - 6)) & 63];
    held -= 6;
    bits &= (1U << held) - 1;
    if (skip == 0) {
      text += digit;
    } else {
      --skip;
    }
  }
}

std::string url_safe(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    text += kHex[value_of(c) >> 4];
    text += kHex[value_of(c) & 15];
  }
  return text;
}

bool needs_no_escape(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string percent(std::string_view bytes, bool all) {
  std::string text;
  for (const char c : bytes) {
    if (!all && needs_no_escape(c)) {
      text += c;
      continue;
    }
    text += '%';
    text += kHex[value_of(c) >> 4];
    text += kHex[value_of(c) & 15];
  }
  return text;
}

void wipe(std::string& text) {
  // volatile: the compiler must not drop stores to memory that is about to be freed.
  volatile char* p = text.data();
  for (std::size_t i = 0; i < text.size(); ++i) p[i] = 0;
}

}  // namespace

std::vector<std::string> spellings_of(std::string_view key) {
  const std::string_view head = key.substr(0, kOwnKeyBytes);
  std::vector<std::string> all;
  all.emplace_back(head);
  for (const unsigned before : {0U, 1U, 2U}) {
    std::string text = base64_inside(head, before);
    all.push_back(url_safe(text));
    all.push_back(std::move(text));
  }
  all.push_back(hex_of(head));
  all.push_back(percent(head, true));
  all.push_back(percent(head, false));
  std::string reversed(key.size() > kOwnKeyBytes ? key.substr(key.size() - kOwnKeyBytes) : key);
  std::ranges::reverse(reversed);
  all.push_back(std::move(reversed));
  std::ranges::sort(all);
  const auto doubles = std::ranges::unique(all);
  all.erase(doubles.begin(), doubles.end());
  return all;
}

std::unique_ptr<const Detector> make_own_key_detector(std::span<const KeyToFind> keys) {
  std::vector<Keyword> keywords;
  for (const KeyToFind& key : keys) {
    if (key.value.size() < kOwnKeyBytesMin) continue;
    for (std::string& text : spellings_of(key.value)) {
      keywords.push_back({std::move(text), key.rule});
    }
  }
  // Neighbours begin alike: the automaton's filter keeps them in one group.
  std::ranges::sort(keywords, {}, &Keyword::text);
  auto detector = make_keyword_detector(keywords, Contents::Secret);
  for (Keyword& keyword : keywords) wipe(keyword.text);
  return detector;
}

}  // namespace capsem::detect
