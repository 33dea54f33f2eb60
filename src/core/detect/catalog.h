// The frozen set of detectors that one policy snapshot uses, and the names of their rules.
// Build, freeze, share: a Catalog is immutable and serves all threads.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/detect/detector.h"
#include "core/detect/view.h"
#include "core/detect/view_buffers.h"

namespace capsem::detect {

// Bit i stands for detector i of the catalog; 0 means that nothing looks.
using DetectorMask = std::uint32_t;
inline constexpr std::size_t kDetectorsMax = 32;

class Catalog {
 public:
  // Adds a detector, which looks at every text and at these views of it, and returns its bit.
  // REQUIRES: fewer than kDetectorsMax so far.
  DetectorMask add(std::unique_ptr<const Detector> detector, Views views = kNoViews);
  // Adds a rule name and returns its id; the ids are what detectors report.
  RuleId add_rule(std::string name);

  std::string_view rule_name(RuleId rule) const { return rules_[rule]; }
  std::size_t rule_count() const { return rules_.size(); }
  std::size_t size() const { return detectors_.size(); }
  const Detector& detector(std::size_t i) const { return *detectors_[i]; }
  // The detectors that look at this view.
  DetectorMask viewers(View view) const { return viewers_[static_cast<std::size_t>(view)]; }

 private:
  std::vector<std::unique_ptr<const Detector>> detectors_;
  std::vector<std::string> rules_;
  std::array<DetectorMask, kViewCount> viewers_{};
};

// Scratch for every detector of one catalog; one per event loop and catalog.
class CatalogScratch {
 public:
  explicit CatalogScratch(const Catalog& catalog);
  Scratch& operator[](std::size_t detector) { return *scratch_[detector]; }
  ViewBuffers& views() { return views_; }

 private:
  std::vector<std::unique_ptr<Scratch>> scratch_;
  ViewBuffers views_;
};

// Runs the detectors of `mask` over one complete text (window.last) and its views: the block form.
Status scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                std::string_view text, std::vector<Finding>& findings);

// What becomes of detectors that fail or take too long: they are left out, and named.
struct ScanGuard {
  const Clock* clock = nullptr;  // null: no deadline
  std::int64_t until_ns = 0;     // monotonic; looked at every kSliceBytes
  DetectorMask failed = 0;
  static constexpr std::size_t kSliceBytes = 256u << 10;
};

// The same, but a detector that fails only loses its own findings of this text.
void scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
              std::string_view text, std::vector<Finding>& findings, ScanGuard& guard);

}  // namespace capsem::detect
