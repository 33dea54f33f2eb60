// What every target needs: an input with room behind it, cuts that follow from the input, and a
// check that names itself. A target is a function of its input alone, so a failure happens again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/hash.h"
#include "core/base/random.h"

namespace capsem::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// The oracle's verdict. Aborts so that libFuzzer keeps the input.
inline void check(bool ok, const char* what) {
  if (ok) return;
  std::fprintf(stderr, "fuzz: %s\n", what);
  std::abort();
}

// A copy followed by `padding` bytes that are hostile on purpose: they would close every string and
// bracket if anybody read on.
class Padded {
 public:
  Padded(std::string_view text, std::size_t padding) : size_(text.size()), bytes_(text) {
    for (std::size_t i = 0; i < padding; ++i) bytes_ += "\"}],1e9"[i % 7];
  }
  std::string_view view() const { return std::string_view(bytes_).substr(0, size_); }

 private:
  std::size_t size_;
  std::string bytes_;
};

// `text` in pieces: `way` 0 byte by byte, else at random places of random density.
inline std::vector<std::string_view> cut(std::string_view text, std::uint64_t way) {
  IdSource random(hash_bytes(text, way));
  const std::size_t longest = way == 0 ? 1 : 1 + random.next() % (1 + text.size());
  std::vector<std::string_view> pieces;
  while (!text.empty()) {
    const auto size = way == 0 ? 1 : 1 + random.next() % longest;
    pieces.push_back(text.substr(0, size));
    text.remove_prefix(pieces.back().size());
  }
  return pieces;
}

// The same for a text: no code point is cut, as no delta of a JSON string can cut one.
inline std::vector<std::string_view> cut_text(std::string_view text, std::uint64_t way) {
  std::vector<std::string_view> pieces;
  for (const auto piece : cut(text, way)) {
    const auto begin = static_cast<std::size_t>(piece.data() - text.data());
    const bool inside = (static_cast<unsigned char>(piece[0]) & 0xC0) == 0x80;
    std::size_t end = begin + piece.size();
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    std::size_t from = begin;
    while (inside && from < end && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
    if (from < end) pieces.push_back(text.substr(from, end - from));
  }
  return pieces;
}

}  // namespace capsem::fuzz
