// One view of one text: nothing but a trigger pass while the text stands for itself, and from the
// first byte on that does not, a chain that decodes, folds, scans, and maps findings back.
//
// Whether the chain is open changes no finding. Up to where it opens, view and source are the same
// bytes, so their findings are the same; it closes when that has been so for as long as a finding
// can depend on. A NUL, the end of a text, always closes it.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/detect/decoder.h"
#include "core/detect/folder.h"
#include "core/detect/text_lane.h"
#include "core/detect/view.h"

namespace capsem::detect {

// An open view.
class ViewChain {
 public:
  // Opens at `at`, an offset of `text`. Findings that begin before its last `undecided` bytes up to
  // there have been reported. `base` is the source offset of text[0].
  ViewChain(View view, const TextLane& like, DetectorMask mask, std::string_view text,
            std::size_t at, std::uint64_t base, const Undecided& undecided);

  Status feed(std::string_view bytes, std::uint64_t from, CatalogScratch& scratch,
              std::vector<Finding>& out);
  Status finish(CatalogScratch& scratch, std::vector<Finding>& out);

  // Every source byte before it is decided, of `received`.
  std::uint64_t decided(std::uint64_t received) const;
  bool can_close(std::uint64_t received) const;
  DetectorMask failed() const { return lane_.failed(); }
  void leave_out(DetectorMask detectors) { lane_.leave_out(detectors); }
  std::size_t heap_bytes() const;

 private:
  // Hands what the last stage made to the detectors.
  Status scan(bool last, CatalogScratch& scratch, std::vector<Finding>& out);

  Decoder first_, second_;
  Folder folder_;
  ViewMap map_;
  TextLane lane_;  // its offsets are the view's
};

class ViewLane {
 public:
  ViewLane(View view, DetectorMask mask) : view_(view), mask_(mask) {}
  ViewLane(const ViewLane& other);
  ViewLane& operator=(const ViewLane& other);
  ViewLane(ViewLane&&) = default;
  ViewLane& operator=(ViewLane&&) = default;

  // `text` ends with `added` new bytes; before them it holds what raw.keep() kept. `raw` has not
  // scanned the new bytes yet.
  Status feed(const TextLane& raw, std::string_view text, std::size_t added,
              CatalogScratch& scratch, std::vector<Finding>& out);
  // No more text will come; `text` as before, without new bytes.
  Status finish(const TextLane& raw, std::string_view text, CatalogScratch& scratch,
                std::vector<Finding>& out);

  bool open() const { return chain_ != nullptr; }
  // Nobody looks at it: feed() would do nothing.
  bool idle() const { return mask_ == 0 && !open(); }
  std::uint64_t decided(std::uint64_t received) const {
    return open() ? chain_->decided(received) : received - held_;
  }
  // The last bytes received that the next feed() has to see again.
  std::size_t held() const { return held_; }
  DetectorMask failed() const { return failed_; }
  std::size_t heap_bytes() const;

 private:
  // Where the text stops standing for itself, at or after `p`. Sets held_ when that cannot be told.
  std::size_t find_opening(std::string_view text, std::size_t p);
  void open_at(const TextLane& raw, std::string_view text, std::size_t p, std::size_t fresh);
  void leave_out(DetectorMask detectors);
  Status feed_open(std::string_view text, std::size_t& p, std::uint64_t base,
                   CatalogScratch& scratch, std::vector<Finding>& out);

  View view_;
  std::uint8_t held_ = 0;  // while closed: an encoding or a character may have begun
  DetectorMask mask_;
  DetectorMask failed_ = 0;
  std::unique_ptr<ViewChain> chain_;
};

}  // namespace capsem::detect
