// Prompt injection and exfiltration: hidden text, forged structure, phrases
// (docs/detection.md).
#pragma once

#include <memory>
#include <span>

#include "core/detect/detector.h"
#include "core/detect/kinds.h"

namespace capsem::detect {

// All kinds, in a fixed order.
std::span<const Kind> injection_kinds();

// REQUIRES: options.rules has one id per kind. Never null.
std::unique_ptr<const Detector> make_injection_detector(const KindOptions& options);

}  // namespace capsem::detect
