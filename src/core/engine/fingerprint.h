// A keyed fingerprint of text that arrives piece by piece: a polynomial over the prime 2^61 - 1 at
// a secret point. Two different texts of n bytes collide with probability below n / 2^60 for
// whoever does not know the key, so "equal fingerprint, equal length" may stand for "the same
// text".
#pragma once

#include <cstdint>
#include <string_view>

namespace capsem::engine {

class Fingerprint {
 public:
  explicit Fingerprint(std::uint64_t key) : key_(key % (kPrime - 2) + 2) {}

  void add(std::string_view bytes) {
    for (const char c : bytes) value_ = multiply_add(static_cast<unsigned char>(c));
    length_ += bytes.size();
  }

  friend bool operator==(const Fingerprint& a, const Fingerprint& b) {
    return a.length_ == b.length_ && a.value_ == b.value_;
  }

 private:
  static constexpr std::uint64_t kPrime = (std::uint64_t{1} << 61) - 1;

  std::uint64_t multiply_add(std::uint64_t byte) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{value_} * key_ + byte + 1;
    std::uint64_t sum =
        static_cast<std::uint64_t>(product & kPrime) + static_cast<std::uint64_t>(product >> 61);
    if (sum >= kPrime) sum -= kPrime;
    return sum;
  }

  std::uint64_t key_;
  std::uint64_t value_ = 0;
  std::uint64_t length_ = 0;
};

}  // namespace capsem::engine
