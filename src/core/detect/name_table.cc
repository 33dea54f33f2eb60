#include "core/detect/name_table.h"

#include "core/detect/model_data.h"

namespace capsem::detect {
namespace {
constexpr unsigned kFlagBits = 12;  // below a fingerprint of 20
}  // namespace

std::uint32_t name_flags(std::uint64_t hash) {
  const auto table = name_table_slots();
  const std::size_t mask = table.size() - 1;
  // Open addressing; 0 is an empty slot.
  for (std::size_t slot = hash & mask; table[slot] != 0; slot = (slot + 1) & mask) {
    if (table[slot] >> kFlagBits == hash >> 44) return table[slot] & ((1U << kFlagBits) - 1);
  }
  return 0;
}

}  // namespace capsem::detect
