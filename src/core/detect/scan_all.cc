#include <algorithm>

#include "core/detect/catalog.h"
#include "core/detect/finding_merge.h"
#include "core/detect/view_lane.h"

namespace capsem::detect {
namespace {

Status late(const ScanGuard& guard) {
  if (guard.clock == nullptr || guard.clock->monotonic_ns() <= guard.until_ns) return {};
  return gateway_error("inspection_failed", "a detector passed its deadline");
}

// One detector over one text, a slice at a time, so that the clock is looked at in between. A
// detector sees kLookBehind bytes before what it has not decided, as in a stream.
Status scan_sliced(const Detector& detector, Scratch& scratch, std::string_view text,
                   std::vector<Finding>& findings, const ScanGuard& guard) {
  std::size_t decided = 0, end = 0;
  while (end < text.size() || text.empty()) {
    end = std::min(text.size(), end + ScanGuard::kSliceBytes);
    const std::size_t base = decided > kLookBehind ? decided - kLookBehind : 0;
    const auto done = detector.scan({.text = text.substr(base, end - base),
                                     .from = decided - base,
                                     .base = base,
                                     .last = end == text.size()},
                                    scratch, findings);
    if (!done) return std::unexpected(done.error());
    decided = base + *done;
    if (end == text.size()) break;
    if (Status in_time = late(guard); !in_time) return in_time;
  }
  return {};
}

Status scan_raw(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                std::string_view text, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    if ((mask >> i & 1) == 0) continue;
    const auto decided = catalog.detector(i).scan(
        {.text = text, .from = 0, .base = 0, .last = true}, scratch[i], findings);
    if (!decided) return std::unexpected(decided.error());
  }
  return {};
}

// One view of the text before the detectors of `mask`, the clock looked at now and then.
Status scan_view(View view, const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                 std::string_view text, std::vector<Finding>& findings, const ScanGuard& guard) {
  // Nothing counts as decided: a view that opens looks at kLookAhead bytes before it again.
  Undecided undecided;
  undecided.fill(kLookAhead);
  const TextLane raw(catalog, mask, {}, {}, 0, undecided);
  ViewLane lane(view, mask);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t added = std::min(text.size() - begin, ScanGuard::kSliceBytes);
    Status done = lane.feed(raw, text.substr(0, begin + added), added, scratch, findings);
    begin += added;
    if (done && begin < text.size()) done = late(guard);
    if (!done) return done;
  }
  return lane.finish(raw, text, scratch, findings);
}

// The findings from `first` on are the text's own; those of its views join them. A failure is that
// of every detector that looks at the view.
Status add_views(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                 std::string_view text, std::size_t first, std::vector<Finding>& findings,
                 ScanGuard& guard) {
  FindingMerge merge;
  for (std::size_t i = 0; i < kViewCount; ++i) {
    const auto view = static_cast<View>(i);
    const DetectorMask viewers = mask & ~guard.failed & catalog.viewers(view);
    if (viewers == 0) continue;
    std::vector<Finding>& found = scratch.views().of_view;
    found.clear();
    if (Status done = scan_view(view, catalog, viewers, scratch, text, found, guard); !done) {
      guard.failed |= viewers;
      return done;
    }
    merge.add(found, static_cast<std::uint8_t>(i + 1));
  }
  if (merge.empty()) return {};
  merge.add({findings.begin() + static_cast<std::ptrdiff_t>(first), findings.end()}, 0);
  findings.resize(first);
  merge.release(FindingMerge::kAll, findings);
  return {};
}

}  // namespace

Status scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                std::string_view text, std::vector<Finding>& findings) {
  const std::size_t first = findings.size();
  if (Status done = scan_raw(catalog, mask, scratch, text, findings); !done) return done;
  ScanGuard unguarded;
  return add_views(catalog, mask, scratch, text, first, findings, unguarded);
}

void scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
              std::string_view text, std::vector<Finding>& findings, ScanGuard& guard) {
  const std::size_t first = findings.size();
  const bool sliced = guard.clock != nullptr && text.size() > ScanGuard::kSliceBytes;
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    const DetectorMask bit = DetectorMask{1} << i;
    if ((mask & ~guard.failed & bit) == 0) continue;
    const std::size_t before = findings.size();
    Status done;
    if (sliced) {
      done = scan_sliced(catalog.detector(i), scratch[i], text, findings, guard);
    } else {
      done = scan_raw(catalog, bit, scratch, text, findings);
    }
    if (done) continue;
    guard.failed |= bit;
    findings.resize(before);
  }
  // What a view's failure leaves is what the text itself says: guard.failed tells.
  static_cast<void>(add_views(catalog, mask, scratch, text, first, findings, guard));
}

}  // namespace capsem::detect
