// Identifiers for records: run ids, request ids, decision ids. Unpredictability is not needed of
// them; tests seed the generator to get the same ids twice.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/hash.h"

namespace capsem {

// splitmix64. A value; one per event loop, never shared.
class IdSource {
 public:
  explicit IdSource(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() { return mix64(state_ += 0x9e3779b97f4a7c15ULL); }

  std::string hex(std::size_t digits) {
    constexpr char kHex[] = "0123456789abcdef";
    std::string text(digits, '0');
    std::uint64_t bits = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (i % 16 == 0) bits = next();
      text[i] = kHex[bits & 15];
      bits >>= 4;
    }
    return text;
  }

 private:
  std::uint64_t state_;
};

}  // namespace capsem
