#include "core/limit/estimate.h"

#include <algorithm>
#include <limits>

namespace capsem::limit {

std::uint64_t estimate_output(std::optional<std::uint64_t> max_tokens, std::uint64_t choices,
                              std::uint64_t default_tokens) {
  const std::uint64_t each = max_tokens.value_or(default_tokens);
  const std::uint64_t count = std::max<std::uint64_t>(choices, 1);
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  return each > kMax / count ? kMax : each * count;
}

}  // namespace capsem::limit
