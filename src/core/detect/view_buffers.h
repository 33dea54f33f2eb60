// What the stages of a view hand to each other: empty between calls, one per event loop.
#pragma once

#include <string>
#include <vector>

#include "core/detect/detector.h"
#include "core/detect/view_text.h"

namespace capsem::detect {

struct ViewBuffers {
  ViewText once, twice;          // decoded
  std::string text;              // folded: the view's text
  std::vector<Finding> found;    // in it
  std::vector<Finding> of_view;  // the same, in source bytes
};

}  // namespace capsem::detect
