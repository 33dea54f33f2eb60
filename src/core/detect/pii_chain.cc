#include "core/detect/pii_chain.h"

#include <algorithm>

#include "core/detect/chars.h"
#include "core/detect/street.h"
#include "core/detect/words.h"

namespace capsem::detect {
namespace {

bool blob_before(std::string_view s, std::size_t p) {
  return (class_at(s, p - 1) & kBlob) != 0;
}

std::size_t blob_begin(std::string_view s, std::size_t end, std::size_t floor) {
  while (end > floor && blob_before(s, end)) --end;
  return end;
}

// Whether a chain goes on over this token, towards its beginning: it holds a digit, a capital or a
// letter beyond ASCII, or ends in a particle.
bool keeps_open(std::string_view token) {
  if (std::ranges::any_of(token, [](char c) {
        return (class_of(c) & (kDigit | kUpper)) != 0 || static_cast<unsigned char>(c) >= 0x80;
      })) {
    return true;
  }
  std::size_t begin = token.size();
  while (begin > 0 && is_lower(token[begin - 1])) --begin;
  const std::string_view word = token.substr(begin);
  return is_particle(word, false) || is_address_link(word) || word == "of";
}

}  // namespace

std::size_t open_chain(std::string_view s) {
  const std::size_t floor = s.size() > kHoldMax ? s.size() - kHoldMax : 0;
  std::size_t begin = blob_begin(s, s.size(), floor);
  std::size_t hold = begin;
  // The word that is still coming may be what tells a name before it.
  while (begin > floor) {
    std::size_t end = begin;
    while (end > floor && begin - end < 2 && (s[end - 1] == ' ' || s[end - 1] == ',')) --end;
    if (end == begin || end == floor || !blob_before(s, end)) break;
    const std::size_t token = blob_begin(s, end, floor);
    if (!keeps_open(s.substr(token, end - token))) break;
    hold = begin = token;
  }
  return hold;
}

}  // namespace capsem::detect
