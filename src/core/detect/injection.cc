#include "core/detect/injection.h"

#include <array>

#include "core/detect/keyword.h"

namespace capsem::detect {
namespace {

constexpr std::array<Kind, 1> kKinds = {{
    {"chat-template", "structure", 0.9F},
}};

}  // namespace

std::span<const Kind> injection_kinds() {
  return kKinds;
}

std::unique_ptr<const Detector> make_injection_detector(const KindOptions& options) {
  const Keyword first{"<|im_start|>", options.rules[0]};
  return make_keyword_detector({&first, 1});
}

}  // namespace capsem::detect
