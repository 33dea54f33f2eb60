#include <array>
#include <iterator>

#include "core/base/hash.h"
#include "core/detect/names.h"

namespace capsem::detect {
namespace {

// Open addressing, 26 bits of the hash above 6 flags; 0 is an empty slot.
constexpr std::uint32_t kTable[] = {
#include "core/detect/data/name_table.inc"
};
constexpr std::size_t kSlots = std::size(kTable);
static_assert((kSlots & (kSlots - 1)) == 0);

std::uint64_t fingerprint(std::string_view words) {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : words) h = (h ^ static_cast<unsigned char>(fold(c))) * 0x100000001b3ULL;
  return mix64(h);
}

}  // namespace

std::uint32_t name_flags(std::string_view words) {
  const std::uint64_t h = fingerprint(words);
  for (std::size_t slot = h % kSlots; kTable[slot] != 0; slot = (slot + 1) % kSlots) {
    if (kTable[slot] >> 6 == h >> 38) return kTable[slot] & 63;
  }
  return 0;
}

}  // namespace capsem::detect
