// Findings of one text and of its views become one list: what the text and a view both say is said
// once.
//
// A finding goes when one of the same rule covers it with at least its score, and one of the two is
// from a view. (Of its own findings a detector has already told which count.) So what is left is a
// function of the text alone, however the findings arrive.
#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "core/detect/detector.h"

namespace capsem::detect {

class FindingMerge {
 public:
  static constexpr std::uint64_t kAll = std::numeric_limits<std::uint64_t>::max();

  // `source`: 0 for the text itself, i + 1 for view i. Of equals the lowest source stays.
  void add(const std::vector<Finding>& findings, std::uint8_t source);

  // Appends to `out` what begins before `decided` and stays, by place. REQUIRES: every finding that
  // begins before `decided` has been added.
  void release(std::uint64_t decided, std::vector<Finding>& out);

  bool empty() const { return entries_.empty(); }
  void clear() { entries_.clear(); }
  std::size_t heap_bytes() const { return entries_.capacity() * sizeof(Entry); }

 private:
  struct Entry {
    Finding finding;
    std::uint8_t source = 0;
    bool told = false;
  };
  void drop_covered();

  std::vector<Entry> entries_;  // what is not told, or may still cover something
};

}  // namespace capsem::detect
