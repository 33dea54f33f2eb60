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

}  // namespace capsem::detect
