// What the recognizers of secrets share: what they find, and where they put it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "core/detect/detector.h"
#include "core/detect/secrets_probe.h"

namespace capsem::detect::secrets {

struct Hit {
  std::size_t kind = 0;  // place in all_kinds()
  std::size_t begin = 0, end = 0;
  float score = 0;
  Tail tail = Tail::None;
};

// Collects hits from a place of the text on, and the earliest place where one may begin that hangs
// on text to come.
struct Hits {
  std::vector<Hit> found;
  std::size_t from = 0;
  std::size_t open = ~std::size_t{0};

  void start(std::size_t at) {
    found.clear();
    from = at;
    open = ~std::size_t{0};
  }
  // Takes the outcome of looking at one place: it counts only if no more text was asked for.
  void settle(const Probe& probe, std::size_t begin, const std::optional<Hit>& hit) {
    if (begin < from) return;
    if (probe.asked_for_more()) {
      open = std::min(open, begin);
    } else if (hit) {
      found.push_back(*hit);
    }
  }
};

}  // namespace capsem::detect::secrets
