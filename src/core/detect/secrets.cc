#include "core/detect/secrets.h"

#include <array>

#include "core/detect/keyword.h"

namespace capsem::detect {
namespace {

constexpr std::array<Kind, 1> kKinds = {{
    {"private-key", "private-key", 1.0F},
}};

}  // namespace

std::span<const Kind> secret_kinds() {
  return kKinds;
}

std::unique_ptr<const Detector> make_secret_detector(const KindOptions& options) {
  const Keyword first{"-----begin private key-----", options.rules[0]};
  return make_keyword_detector({&first, 1});
}

}  // namespace capsem::detect
