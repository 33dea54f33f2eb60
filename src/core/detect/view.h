// Views: what else a text says to whoever reads past its spelling. A detector that asks for a view
// looks at the raw text and at the view; what it finds there is reported in source bytes.
//
// Both views are decoded first, twice over (encoding.h), because encodings are nested and an
// encoded text may be written in look-alikes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/detect/detector.h"

namespace capsem::detect {

enum class View : std::uint8_t {
  Folded,    // compatibility forms and digits of all scripts as ASCII; hidden characters deleted
  Skeleton,  // ... and look-alikes of Latin letters as those letters
};
inline constexpr std::size_t kViewCount = 2;
inline constexpr unsigned kViewDepth = 2;  // encodings within encodings that are undone

// A set of views.
using Views = std::uint8_t;
inline constexpr Views kNoViews = 0;
constexpr Views views(View v) {
  return static_cast<Views>(1U << static_cast<unsigned>(v));
}
inline constexpr Views kFoldedView = views(View::Folded);
inline constexpr Views kAllViews = kFoldedView | views(View::Skeleton);

// In the long run a view has one byte for kStretch source bytes at least. Text stretched further
// (hidden characters by the hundred between two visible ones) is cut up in the view after
// kStretchSlack bytes too many, as if it were two texts: what a stream holds back stays bounded.
inline constexpr std::size_t kStretch = 8;
inline constexpr std::size_t kStretchSlack = 1024;
// Longest source of a finding, and most that a lane holds back.
inline constexpr std::size_t kSpanMax = kStretch * kLookAhead + 2 * kStretchSlack;

}  // namespace capsem::detect
