// One text, as it is, before its detectors: pieces in, findings out, each detector's text scanned
// once. A detector sees its undecided text again, with kLookBehind bytes before it, when more has
// come. A value: copying forks it.
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

// For each detector, how many of the last bytes received it has not decided.
using Undecided = std::array<std::uint16_t, kDetectorsMax>;

class TextLane {
 public:
  // `catalog` outlives the lane.
  TextLane(const Catalog& catalog, DetectorMask mask, LaneOptions options)
      : catalog_(&catalog), mask_(mask), options_(options) {}
  // One that has received `tail` and what came before it, `base` bytes, and decided all but
  // `undecided`. REQUIRES: `tail` holds that and kLookBehind bytes before, if there are so many.
  TextLane(const Catalog& catalog, DetectorMask mask, LaneOptions options, std::string_view tail,
           std::uint64_t base, const Undecided& undecided)
      : TextLane(catalog, mask, options) {
    base_ = base;
    text_ = tail;
    undecided_ = undecided;
  }

  // The three steps of feed(), for who has to look at the text in between. append() returns what
  // the lane holds and then the piece, as one text that begins at base(); it is valid, and the lane
  // not usable otherwise, until keep(), which is told how many of the last bytes are needed again
  // whatever the detectors say.
  // scan() does not look at the last `held` bytes, at most as many as keep() is told of after it.
  std::string_view append(std::string_view piece);
  Status scan(std::string_view text, std::size_t added, bool last, CatalogScratch& scratch,
              std::vector<Finding>& out, std::size_t held = 0);
  void keep(std::string_view text, std::size_t needed);

  // Appends the findings that `piece` settles to `out`, ordered by detector.
  Status feed(std::string_view piece, CatalogScratch& scratch, std::vector<Finding>& out);
  // No more text will come: everything is decided. Call once.
  Status finish(CatalogScratch& scratch, std::vector<Finding>& out) {
    return scan(text_, 0, true, scratch, out);
  }

  // What is kept: history and undecided text, base() bytes into the lane.
  std::string_view text() const { return text_; }
  std::uint64_t base() const { return base_; }
  std::uint64_t received() const { return base_ + text_.size(); }
  std::uint64_t decided() const { return received() - undecided_max(); }
  const Undecided& undecided() const { return undecided_; }

  const Catalog& catalog() const { return *catalog_; }
  DetectorMask mask() const { return mask_; }
  const LaneOptions& options() const { return options_; }
  // Expendable detectors that have failed; nothing was decided by them since.
  DetectorMask failed() const { return failed_; }
  // Goes on without these.
  void leave_out(DetectorMask detectors) { mask_ &= ~detectors; }

  std::size_t heap_bytes() const { return text_.capacity() > 15 ? text_.capacity() + 1 : 0; }

 private:
  std::size_t undecided_max() const;

  const Catalog* catalog_;
  DetectorMask mask_;
  LaneOptions options_;
  DetectorMask failed_ = 0;
  std::uint64_t base_ = 0;  // lane offset of text_[0]
  std::string text_;        // history and undecided text
  Undecided undecided_{};
};

}  // namespace capsem::detect
