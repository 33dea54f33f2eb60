// Keys, tokens and passwords, by the shapes their vendors give them (docs/detection.md).
#pragma once

#include <memory>
#include <span>

#include "core/detect/detector.h"
#include "core/detect/kinds.h"

namespace capsem::detect {

// All secret families, in a fixed order.
std::span<const Kind> secret_kinds();

// REQUIRES: options.rules has one id per kind. Never null.
std::unique_ptr<const Detector> make_secret_detector(const KindOptions& options);

}  // namespace capsem::detect
