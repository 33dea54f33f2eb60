#include "core/detect/addresses.h"

namespace capsem::detect {
namespace {

// `size` hexadecimal digits at p.
bool hex_at(std::string_view s, std::size_t p, std::size_t size) {
  if (p > s.size() || s.size() - p < size) return false;
  for (std::size_t i = p; i < p + size; ++i) {
    if ((class_of(s[i]) & kHex) == 0) return false;
  }
  return true;
}

// Nobody's address, and everybody's.
bool all_alike(std::string_view text) {
  for (const char digit : {'0', 'f'}) {
    bool all = true;
    for (const char c : text) all &= (class_of(c) & kHex) == 0 || fold(c) == digit;
    if (all) return true;
  }
  return false;
}

}  // namespace

AnchoredMatch match_mac(std::string_view s, std::size_t at) {
  const char gap = s[at];
  const std::size_t size = gap == '.' ? 4 : 2, groups = gap == '.' ? 3 : 6;
  if (at < size || char_at(s, at + size + 1) != gap) return {};
  const std::size_t begin = at - size, end = begin + groups * (size + 1) - 1;
  if (end > s.size() || word_before(s, begin) || word_at(s, end)) return {};
  // Longer chains are fingerprints and identifiers of other kinds.
  if (char_before(s, begin) == gap && begin > size && hex_at(s, begin - 1 - size, size)) return {};
  if (char_at(s, end) == gap && hex_at(s, end + 1, size)) return {};
  for (std::size_t p = begin; p < end; p += size + 1) {
    if (!hex_at(s, p, size)) return {};
    if (p + size < end && s[p + size] != gap) return {};
  }
  if (all_alike(s.substr(begin, end - begin))) return {};
  return {begin, end, 0.6F};
}

}  // namespace capsem::detect
