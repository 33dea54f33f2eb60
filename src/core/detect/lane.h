// The incremental scanner of one text lane: pieces in, findings out, of the text and of the views
// that its detectors ask for. A value: copying forks the lane (both go on from the same place).
//
// However the text is cut, the findings are those of one block scan.
// Memory: kLookBehind bytes and what is undecided (at most kLookAhead) between calls; as much again
// for each view that is open.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/detect/finding_merge.h"
#include "core/detect/text_lane.h"
#include "core/detect/view_lane.h"

namespace capsem::detect {

class Lane {
 public:
  // `catalog` outlives the lane.
  Lane(const Catalog& catalog, DetectorMask mask, LaneOptions options = {});

  // Appends the findings that `piece` settles to `out`, with lane offsets.
  // REQUIRES: not finished; `scratch` made for the lane's catalog.
  Status feed(std::string_view piece, CatalogScratch& scratch, std::vector<Finding>& out);
  // No more text will come: everything is decided. Call once.
  Status finish(CatalogScratch& scratch, std::vector<Finding>& out);

  std::uint64_t received() const { return raw_.received(); }
  // Every byte of the lane before it is decided by every detector of the mask, in every view: at
  // most kLookAhead bytes behind what was received, kSpanMax where a view is open.
  std::uint64_t decided() const;

  // Expendable detectors that have failed; nothing was decided by them since.
  DetectorMask failed() const { return raw_.failed() | failed_views(); }

  std::size_t heap_bytes() const;

 private:
  DetectorMask failed_views() const;
  // Findings of `out` from `known` on are the text's own: they go through the merge.
  void merge(std::size_t known, std::uint64_t until, CatalogScratch& scratch,
             std::vector<Finding>& out);

  TextLane raw_;
  std::array<ViewLane, kViewCount> views_;
  FindingMerge merge_;  // while a view is open, or has told of something not yet decided
};

}  // namespace capsem::detect
