#include "core/detect/half_bytes.h"

#include <gtest/gtest.h>

#include <string>

namespace capsem::detect {
namespace {

TEST(HalfBytes, HoldWhatWasMarkedAndWhatSharesItsHalves) {
  HalfBytes sets;
  sets.mark('a', 1);
  sets.mark('r', 1);  // 0x61 and 0x72: so 0x62 and 0x71, too
  sets.mark('\xFF', 2);
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool first = c == 'a' || c == 'r' || c == 'b' || c == 'q';
    EXPECT_EQ(sets.at(c), (first ? 1 : 0) | (i == 0xFF ? 2 : 0)) << i;
  }
  sets.mark_every_byte(4);
  for (int i = 0; i < 256; ++i) EXPECT_NE(sets.at(static_cast<char>(i)) & 4, 0) << i;
}

#if defined(__AVX2__)
TEST(HalfBytes, AreTheSame32AtATime) {
  HalfBytes sets;
  for (int i = 0; i < 256; i += 7) sets.mark(static_cast<char>(i), static_cast<std::uint8_t>(i));
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  const WideHalfBytes wide(sets);
  for (std::size_t at = 0; at < bytes.size(); at += 32) {
    alignas(32) std::uint8_t found[32];
    _mm256_store_si256(reinterpret_cast<__m256i*>(found), wide.at(bytes.data() + at));
    for (std::size_t i = 0; i < 32; ++i) EXPECT_EQ(found[i], sets.at(bytes[at + i])) << at + i;
  }
}
#endif

}  // namespace
}  // namespace capsem::detect
