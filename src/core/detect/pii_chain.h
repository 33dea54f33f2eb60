// What more text may still change. What a recognizer of personal data can read ahead is a "chain":
// blobs (chars.h) that one or two spaces or commas join and that a digit, a capital or a particle
// keeps open. A text is decided up to its last open chain.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/detect/addresses.h"
#include "core/detect/detector.h"

namespace capsem::detect {

// No recognizer needs text this far after the beginning of its finding: the longest are URLs.
inline constexpr std::size_t kHoldMax = 384;
static_assert(kHoldMax < kLookAhead && kUrlMax <= kHoldMax);

// The beginning of the chain that is still open at the end of s, or s.size().
std::size_t open_chain(std::string_view s);

}  // namespace capsem::detect
