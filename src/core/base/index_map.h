// Maps 64-bit identities to small indexes. Open addressing in one array that keeps its memory over
// clear(): the lanes and units of one JSON text are looked up without allocating. A value; not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/base/hash.h"

namespace capsem {

class IndexMap {
 public:
  // The index stored under `key`, or `fresh` after storing it. Second: whether it was stored now.
  std::pair<std::uint32_t, bool> find_or_insert(std::uint64_t key, std::uint32_t fresh) {
    if ((used_ + 1) * 2 > slots_.size()) grow();
    Slot& slot = slots_[probe(key)];
    if (slot.index != kEmpty) return {slot.index, false};
    slot = {key, fresh};
    ++used_;
    return {fresh, true};
  }

  // The index stored under `key`, or kNone.
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};
  std::uint32_t find(std::uint64_t key) const {
    if (slots_.empty()) return kNone;
    const Slot& slot = slots_[probe(key)];
    return slot.index;
  }

  void clear() {
    if (used_ == 0) return;
    // A table that once grew large is given back, so that one huge request does not tax all others.
    if (slots_.size() > kKeepSlots) slots_.resize(kKeepSlots);
    for (Slot& slot : slots_) slot.index = kEmpty;
    used_ = 0;
  }

 private:
  static constexpr std::uint32_t kEmpty = kNone;
  static constexpr std::size_t kKeepSlots = 256;
  struct Slot {
    std::uint64_t key = 0;
    std::uint32_t index = kEmpty;
  };

  std::size_t probe(std::uint64_t key) const {
    const std::size_t mask = slots_.size() - 1;
    std::size_t i = static_cast<std::size_t>(mix64(key)) & mask;
    while (slots_[i].index != kEmpty && slots_[i].key != key) i = (i + 1) & mask;
    return i;
  }

  void grow() {
    std::vector<Slot> old(slots_.empty() ? 32 : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.index != kEmpty) slots_[probe(slot.key)] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::size_t used_ = 0;
};

}  // namespace capsem
