#include "core/detect/lane.h"

#include <algorithm>

namespace capsem::detect {

Lane::Lane(const Catalog& catalog, DetectorMask mask, LaneOptions options)
    : raw_(catalog, mask, options),
      views_{ViewLane(View::Folded, mask & catalog.viewers(View::Folded)),
             ViewLane(View::Skeleton, mask & catalog.viewers(View::Skeleton))} {}

// The views look first: a view that opens goes on from what the detectors have not decided of the
// text before the piece. Bytes of which a view cannot tell yet whether it opens are kept from the
// detectors, too: what they decide by them might be another matter in the view.
Status Lane::feed(std::string_view piece, CatalogScratch& scratch, std::vector<Finding>& out) {
  if (piece.empty()) return {};
  bool merging = !merge_.empty();
  std::size_t held = 0;
  const std::string_view text = raw_.append(piece);
  for (std::size_t i = 0; i < kViewCount; ++i) {
    if (views_[i].idle()) continue;
    std::vector<Finding>& found = scratch.views().of_view;
    found.clear();
    merging |= views_[i].open();
    if (Status done = views_[i].feed(raw_, text, piece.size(), scratch, found); !done) return done;
    if (!found.empty()) merge_.add(found, static_cast<std::uint8_t>(i + 1));
    merging |= views_[i].open() || !found.empty();
    held = std::max(held, views_[i].held());
  }
  const std::size_t known = out.size();
  const Status done = raw_.scan(text, piece.size(), false, scratch, out, held);
  raw_.keep(text, held);
  raw_.leave_out(failed_views());
  if (done && merging) merge(known, decided(), scratch, out);
  return done;
}

Status Lane::finish(CatalogScratch& scratch, std::vector<Finding>& out) {
  bool merging = !merge_.empty();
  for (std::size_t i = 0; i < kViewCount; ++i) {
    std::vector<Finding>& found = scratch.views().of_view;
    found.clear();
    if (Status done = views_[i].finish(raw_, raw_.text(), scratch, found); !done) return done;
    merge_.add(found, static_cast<std::uint8_t>(i + 1));
    merging |= !found.empty();
  }
  const std::size_t known = out.size();
  const Status done = raw_.finish(scratch, out);
  if (done && merging) merge(known, FindingMerge::kAll, scratch, out);
  return done;
}

void Lane::merge(std::size_t known, std::uint64_t until, CatalogScratch& scratch,
                 std::vector<Finding>& out) {
  std::vector<Finding>& found = scratch.views().of_view;
  found.assign(out.begin() + static_cast<std::ptrdiff_t>(known), out.end());
  merge_.add(found, 0);
  out.resize(known);
  merge_.release(until, out);
}

std::uint64_t Lane::decided() const {
  std::uint64_t decided = raw_.decided();
  for (const ViewLane& view : views_) decided = std::min(decided, view.decided(received()));
  return decided;
}

DetectorMask Lane::failed_views() const {
  DetectorMask failed = 0;
  for (const ViewLane& view : views_) failed |= view.failed();
  return failed;
}

std::size_t Lane::heap_bytes() const {
  std::size_t bytes = raw_.heap_bytes() + merge_.heap_bytes();
  for (const ViewLane& view : views_) bytes += view.heap_bytes();
  return bytes;
}

}  // namespace capsem::detect
