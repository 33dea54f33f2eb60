#include "core/detect/name_starts.h"

#include <bit>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

// "name is ", "she is "; "calls me ", "called me "; "i am ", "i'm ": read backwards from p, as far
// as it takes to tell most others from them.
bool hint_before(std::string_view s, std::size_t p) {
  if (p < 4 || s[p - 1] != ' ') return false;
  const std::string_view two = s.substr(p - 3, 2);
  if (two == "'m") return true;
  if (p < 5 || s[p - 4] != ' ') return false;
  const char last = fold(s[p - 5]);
  if (two == "is") return last == 'e';
  if (two == "me") return last == 'l' || last == 's' || last == 'd';
  return two == "am" && last == 'i';
}

}  // namespace

std::uint64_t words_after_hints(std::string_view s, std::size_t p, const char* bytes,
                                std::uint64_t lower) {
  const std::uint64_t space = block_equals(bytes, ' ');
  const std::uint64_t m = block_equals(bytes, 'm'), e = block_equals(bytes, 'e');
  const std::uint64_t second = (block_equals(bytes, 's') & block_equals(bytes, 'i') << 1) |
                               (e & m << 1) | (m & block_equals(bytes, 'a') << 1);
  const std::uint64_t apart = second & space << 2;
  const std::uint64_t self = m & block_equals(bytes, '\'') << 1;
  // Of the first four what stands before them lies, in part, before the block.
  constexpr std::uint64_t kFirstFour = 0xF;
  std::uint64_t likely = (((apart | self) << 1 & space) << 1 | kFirstFour) & lower;
  std::uint64_t starts = 0;
  for (; likely != 0; likely &= likely - 1) {
    if (hint_before(s, p + static_cast<unsigned>(std::countr_zero(likely)))) {
      starts |= likely & -likely;
    }
  }
  return starts;
}

std::uint64_t people_ends(std::string_view s, std::size_t p, const char* bytes,
                          std::uint64_t lower) {
  // What lies before the block may be anything: the low bits that are shifted in are ones.
  const auto before = [](std::uint64_t mask, unsigned n) {
    return mask << n | ((std::uint64_t{1} << n) - 1);
  };
  const std::uint64_t beyond = p + kBlockBytes < s.size() && is_lower(s[p + kBlockBytes]) ? 1 : 0;
  const std::uint64_t last = lower & ~(lower >> 1 | beyond << 63);
  const std::uint64_t five =
      last & before(lower, 1) & before(lower, 2) & before(lower, 3) & before(lower, 4);
  if (five == 0) return 0;
  const std::uint64_t n = block_equals(bytes, 'n'), sibilant = block_equals(bytes, 's');
  const std::uint64_t h = block_equals(bytes, 'h'), e = block_equals(bytes, 'e');
  const std::uint64_t i = block_equals(bytes, 'i');
  const std::uint64_t an = n & before(block_equals(bytes, 'a'), 1);
  const std::uint64_t ans = sibilant & before(an, 1);
  const std::uint64_t ish = h & before(sibilant & before(i, 1), 1);
  const std::uint64_t ch = h & before(block_equals(bytes, 'c'), 1);
  const std::uint64_t ese = e & before(sibilant & before(e, 1), 1);
  const std::uint64_t ek = block_equals(bytes, 'k') & before(e, 1);
  return five & (an | ans | ish | ch | ese | ek | i);
}

}  // namespace capsem::detect
