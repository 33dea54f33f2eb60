#include "core/detect/text_lane.h"

#include <algorithm>
#include <bit>

namespace capsem::detect {
namespace {
// A lane lets history pile up to this before it moves the tail to the front: short pieces would
// otherwise move kLookBehind bytes each.
constexpr std::size_t kSlack = 256;
constexpr std::size_t kKept = kLookBehind + kLookAhead;
}  // namespace

std::size_t TextLane::undecided_max() const {
  std::size_t most = 0;
  for (DetectorMask rest = mask_; rest != 0; rest &= rest - 1) {
    most = std::max<std::size_t>(most, undecided_[static_cast<unsigned>(std::countr_zero(rest))]);
  }
  return most;
}

Status TextLane::scan(std::string_view text, std::size_t added, bool last, CatalogScratch& scratch,
                      std::vector<Finding>& out, std::size_t held) {
  const std::string_view seen = text.substr(0, text.size() - held);
  for (DetectorMask rest = mask_; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    const std::size_t from = text.size() - added - undecided_[i];
    const std::size_t known = out.size();
    const auto decided = catalog_->detector(i).scan(
        {.text = seen, .from = from, .base = base_, .last = last}, scratch[i], out);
    if (!decided) {
      const DetectorMask bit = DetectorMask{1} << i;
      if ((options_.expendable & bit) == 0) return std::unexpected(decided.error());
      failed_ |= bit;
      mask_ &= ~bit;
      out.resize(known);
      continue;
    }
    undecided_[i] = static_cast<std::uint16_t>(text.size() - *decided);
    for (std::size_t f = known; options_.value_key != 0 && f < out.size(); ++f) {
      out[f].value = value_digest(text.substr(out[f].begin - base_, out[f].end - out[f].begin),
                                  options_.value_key);
    }
  }
  return {};
}

// The common case of a whole text in one piece: nothing is copied for it.
std::string_view TextLane::append(std::string_view piece) {
  if (text_.empty()) return piece;
  const std::size_t size = text_.size() + piece.size();
  if (size > text_.capacity() && size <= kKept) text_.reserve(std::min(kKept, 2 * size));
  text_.append(piece);
  return text_;
}

void TextLane::keep(std::string_view text, std::size_t needed) {
  const std::size_t keep = std::min(text.size(), kLookBehind + std::max(needed, undecided_max()));
  const std::size_t drop = text.size() - keep;
  const bool own = text.data() == text_.data();
  if (own && text_.size() <= kLookBehind + kSlack) return;
  base_ += drop;
  if (own && text_.capacity() <= kKept + kSlack) {
    text_.erase(0, drop);
  } else {
    text_ = std::string(text.substr(drop));
  }
}

Status TextLane::feed(std::string_view piece, CatalogScratch& scratch, std::vector<Finding>& out) {
  if (piece.empty()) return {};
  const std::string_view text = append(piece);
  auto done = scan(text, piece.size(), false, scratch, out);
  keep(text, 0);
  return done;
}

}  // namespace capsem::detect
