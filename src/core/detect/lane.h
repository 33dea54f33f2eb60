// The incremental scanner of one text lane: pieces in, findings out, each detector's text scanned
// once. A value: copying forks the lane (both go on from the same place).
//
// However the text is cut, the findings are those of one block scan: a detector sees its undecided
// text again, with kLookBehind bytes before it, when more has come.
// Memory: kLookBehind bytes and what is undecided (at most kLookAhead) between calls.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/catalog.h"

namespace capsem::detect {

struct LaneOptions {
  std::uint64_t value_key = 0;  // not 0: findings carry value_digest() under it
  DetectorMask expendable = 0;  // when one of these fails the lane goes on without it
};

class Lane {
 public:
  // `catalog` outlives the lane.
  Lane(const Catalog& catalog, DetectorMask mask, LaneOptions options = {})
      : catalog_(&catalog), mask_(mask), options_(options) {}

  // Appends the findings that `piece` settles to `out`, with lane offsets, ordered by detector.
  // REQUIRES: not finished; `scratch` made for the lane's catalog.
  Status feed(std::string_view piece, CatalogScratch& scratch, std::vector<Finding>& out);
  // No more text will come: everything is decided. Call once.
  Status finish(CatalogScratch& scratch, std::vector<Finding>& out);

  std::uint64_t received() const { return base_ + text_.size(); }
  // Every byte of the lane before it is decided by every detector of the mask.
  std::uint64_t decided() const { return received() - undecided_max(); }

  // Expendable detectors that have failed; nothing was decided by them since.
  DetectorMask failed() const { return failed_; }

  std::size_t heap_bytes() const { return text_.capacity() > 15 ? text_.capacity() + 1 : 0; }

 private:
  std::size_t undecided_max() const;
  Status scan(std::string_view text, std::size_t added, bool last, CatalogScratch& scratch,
              std::vector<Finding>& out);
  void keep_tail(std::string_view text);

  const Catalog* catalog_;
  DetectorMask mask_;
  LaneOptions options_;
  DetectorMask failed_ = 0;
  std::uint64_t base_ = 0;  // lane offset of text_[0]
  std::string text_;        // history and undecided text
  // For each detector, how many of the last bytes received it has not decided.
  std::array<std::uint16_t, kDetectorsMax> undecided_{};
};

}  // namespace capsem::detect
