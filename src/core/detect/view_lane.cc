#include "core/detect/view_lane.h"

#include <algorithm>
#include <bit>

#include "core/detect/chars.h"
#include "core/detect/trigger.h"
#include "core/detect/view_trigger.h"

namespace capsem::detect {
namespace {

// An open view takes its text in pieces of this size: what its stages hold stays in the cache.
constexpr std::size_t kPieceMax = 16u << 10;

std::size_t most(const Undecided& undecided, DetectorMask mask) {
  std::size_t most = 0;
  for (; mask != 0; mask &= mask - 1) {
    most = std::max<std::size_t>(most, undecided[static_cast<unsigned>(std::countr_zero(mask))]);
  }
  return most;
}

// End of the letters and digits that begin at p.
std::size_t alnum_end(std::string_view s, std::size_t p) {
  while (p < s.size()) {
    const std::size_t left = s.size() - p;
    const BlockMasks m =
        left >= kBlockBytes ? block_masks(s.data() + p) : tail_masks(s.data() + p, left);
    const auto run = static_cast<unsigned>(std::countr_one(m.digit | m.upper | m.lower));
    p += run;
    if (run < kBlockBytes) break;
  }
  return p;
}

std::string_view history(std::string_view text, std::size_t at, std::size_t size) {
  return text.substr(at - std::min(at, size), std::min(at, size));
}

}  // namespace

ViewChain::ViewChain(View view, const TextLane& like, DetectorMask mask, std::string_view text,
                     std::size_t at, std::uint64_t base, const Undecided& undecided)
    : first_(char_before(text, at)),
      second_(char_before(text, at)),
      folder_(view, base + at),
      map_(base + at - most(undecided, mask)),
      lane_(like.catalog(), mask, like.options(),
            history(text, at, kLookBehind + most(undecided, mask)),
            base + at - std::min(at, kLookBehind + most(undecided, mask)), undecided) {
  map_.copy(map_.end(), static_cast<std::uint32_t>(most(undecided, mask)));
}

Status ViewChain::feed(std::string_view bytes, std::uint64_t from, CatalogScratch& scratch,
                       std::vector<Finding>& out) {
  ViewBuffers& buffers = scratch.views();
  buffers.once.clear();
  buffers.twice.clear();
  buffers.text.clear();
  first_.feed(bytes, from, buffers.once);
  second_.feed(buffers.once, buffers.twice);
  folder_.feed(buffers.twice, buffers.text, map_);
  return scan(false, scratch, out);
}

Status ViewChain::finish(CatalogScratch& scratch, std::vector<Finding>& out) {
  ViewBuffers& buffers = scratch.views();
  buffers.once.clear();
  buffers.twice.clear();
  buffers.text.clear();
  first_.finish(buffers.once);
  second_.feed(buffers.once, buffers.twice);
  second_.finish(buffers.twice);
  folder_.feed(buffers.twice, buffers.text, map_);
  folder_.finish(buffers.text, map_);
  return scan(true, scratch, out);
}

Status ViewChain::scan(bool last, CatalogScratch& scratch, std::vector<Finding>& out) {
  ViewBuffers& buffers = scratch.views();
  buffers.found.clear();
  Status done = lane_.feed(buffers.text, scratch, buffers.found);
  if (done && last) done = lane_.finish(scratch, buffers.found);
  if (!done) return done;
  for (Finding& finding : buffers.found) {
    const SourceRange source = map_.source_of(finding.begin, finding.end);
    finding.begin = source.begin;
    finding.end = source.end;
    out.push_back(finding);
  }
  map_.forget(lane_.decided());
  return {};
}

std::uint64_t ViewChain::decided(std::uint64_t received) const {
  std::uint64_t first_open = std::min(
      {first_.open_from(received), second_.open_from(received), folder_.open_from(received)});
  const std::uint64_t decided = lane_.decided();
  if (decided < map_.end()) {
    first_open = std::min(first_open, map_.source_of(decided, decided + 1).begin);
  }
  return first_open;
}

bool ViewChain::can_close(std::uint64_t received) const {
  return first_.idle() && second_.idle() && folder_.idle() &&
         received - folder_.changed() >= kLookBehind + kLookAhead;
}

std::size_t ViewChain::heap_bytes() const {
  return sizeof *this + lane_.heap_bytes() + map_.runs().capacity() * sizeof(Run);
}

ViewLane::ViewLane(const ViewLane& other)
    : view_(other.view_), held_(other.held_), mask_(other.mask_), failed_(other.failed_) {
  if (other.chain_) chain_ = std::make_unique<ViewChain>(*other.chain_);
}

ViewLane& ViewLane::operator=(const ViewLane& other) {
  ViewLane copy(other);
  return *this = std::move(copy);
}

std::size_t ViewLane::heap_bytes() const {
  return open() ? chain_->heap_bytes() : 0;
}

std::size_t ViewLane::find_opening(std::string_view text, std::size_t p) {
  held_ = 0;
  const auto hold = [&] {
    held_ = static_cast<std::uint8_t>(text.size() - p);
    return text.size();
  };
  while ((p = next_encoded_or_high(text, p)) < text.size()) {
    if (static_cast<unsigned char>(text[p]) >= 0x80) {
      const Folded folded = read_folded(text.substr(p, kCharacterMax), view_, false);
      if (folded.is == Folds::To) return p;
      if (folded.is == Folds::Open) return hold();
      p += folded.span;
      continue;
    }
    const Reading reading = read_encoded(text.substr(p, kEncodedMax), char_before(text, p), false);
    if (reading.is == Encoded::Open) return hold();
    if (reading.is != Encoded::No) return p;
    ++p;
    if (is_alnum(text[p - 1])) p = alnum_end(text, p);
  }
  return p;
}

void ViewLane::open_at(const TextLane& raw, std::string_view text, std::size_t p,
                       std::size_t fresh) {
  held_ = 0;
  Undecided undecided{};
  for (std::size_t i = 0; i < kDetectorsMax; ++i) {
    const std::size_t open = raw.undecided()[i] + p;
    undecided[i] =
        static_cast<std::uint16_t>(std::min({open - std::min(open, fresh), kLookAhead, p}));
  }
  chain_ = std::make_unique<ViewChain>(view_, raw, mask_, text, p, raw.base(), undecided);
}

void ViewLane::leave_out(DetectorMask detectors) {
  mask_ &= ~detectors;
  if (open()) chain_->leave_out(detectors);
}

Status ViewLane::feed(const TextLane& raw, std::string_view text, std::size_t added,
                      CatalogScratch& scratch, std::vector<Finding>& out) {
  leave_out(raw.failed());
  const std::size_t fresh = text.size() - added;
  std::size_t p = fresh;
  while (p < text.size() && mask_ != 0) {
    if (!open()) {
      p = find_opening(text, p - held_);
      if (p == text.size()) break;
      open_at(raw, text, p, fresh);
    }
    if (Status done = feed_open(text, p, raw.base(), scratch, out); !done) return done;
  }
  return {};
}

// Up to the next NUL or for one piece, whichever ends first.
Status ViewLane::feed_open(std::string_view text, std::size_t& p, std::uint64_t base,
                           CatalogScratch& scratch, std::vector<Finding>& out) {
  std::string_view piece = text.substr(p, kPieceMax);
  const std::size_t nul = piece.find('\0');
  if (nul != std::string_view::npos) piece = piece.substr(0, nul + 1);
  Status done = chain_->feed(piece, base + p, scratch, out);
  if (done && nul != std::string_view::npos) done = chain_->finish(scratch, out);
  if (!done) return done;
  p += piece.size();
  failed_ |= chain_->failed();
  mask_ &= ~failed_;
  if (nul != std::string_view::npos || mask_ == 0 || chain_->can_close(base + p)) chain_.reset();
  return {};
}

Status ViewLane::finish(const TextLane& raw, std::string_view text, CatalogScratch& scratch,
                        std::vector<Finding>& out) {
  if (!open()) {
    if (held_ == 0 || mask_ == 0) return {};
    std::size_t p = text.size() - held_;
    open_at(raw, text, p, text.size());
    while (open() && p < text.size()) {
      if (Status done = feed_open(text, p, raw.base(), scratch, out); !done) return done;
    }
    if (!open()) return {};
  }
  Status done = chain_->finish(scratch, out);
  failed_ |= chain_->failed();
  chain_.reset();
  return done;
}

}  // namespace capsem::detect
