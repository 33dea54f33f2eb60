#include "core/detect/view_text.h"

#include <algorithm>
#include <iterator>

namespace capsem::detect {

void ViewMap::copy(std::uint64_t from, std::uint32_t size) {
  if (!runs_.empty() && runs_.back().copy() && runs_.back().source_end() == from) {
    runs_.back().size += size;
  } else {
    join_last();
    runs_.push_back({.at = end_, .from = from, .size = size});
  }
  end_ += size;
}

void ViewMap::unit(std::uint32_t size, SourceRange source) {
  const auto stride = static_cast<std::uint32_t>(source.end - source.begin);
  Run* last = runs_.empty() ? nullptr : &runs_.back();
  if (last != nullptr && size == 0 && last->size == 0) {
    last->stride = static_cast<std::uint32_t>(source.end - last->from);
    return;
  }
  if (last != nullptr && size != 0 && last->size == last->unit && last->unit != 0 &&
      !last->copy() && last->source_of(0) == source) {
    last->size += size;
    last->unit += size;
  } else {
    join_last();
    runs_.push_back(
        {.at = end_, .from = source.begin, .size = size, .unit = size, .stride = stride});
  }
  end_ += size;
}

// The last run is complete: it becomes part of the one before if that is a row of the same units.
void ViewMap::join_last() {
  if (runs_.size() < 2) return;
  const Run& last = runs_.back();
  Run& row = runs_[runs_.size() - 2];
  if (last.unit == 0 || last.unit != row.unit || last.stride != row.stride) return;
  if (row.source_end() != last.from) return;
  row.size += last.size;
  runs_.pop_back();
}

// The last run that begins at or before `at`: deleted ones that begin there stand before it.
const Run& ViewMap::run_at(std::uint64_t at) const {
  return *std::prev(std::ranges::upper_bound(runs_, at, {}, &Run::at));
}

SourceRange ViewMap::source_of(std::uint64_t begin, std::uint64_t end) const {
  const Run& first = run_at(begin);
  const Run& last = run_at(end - 1);
  return {first.source_of(begin - first.at).begin, last.source_of(end - 1 - last.at).end};
}

void ViewMap::forget(std::uint64_t at) {
  auto keep = std::ranges::upper_bound(runs_, at, {}, &Run::at);
  if (keep != runs_.begin()) --keep;
  runs_.erase(runs_.begin(), keep);
}

void ViewMap::clear() {
  runs_.clear();
  end_ = 0;
}

void ViewText::clear() {
  bytes_.clear();
  map_.clear();
}

void ViewText::copy(std::string_view bytes, std::uint64_t from) {
  if (bytes.empty()) return;
  bytes_ += bytes;
  map_.copy(from, static_cast<std::uint32_t>(bytes.size()));
}

void ViewText::unit(std::string_view bytes, SourceRange source) {
  bytes_ += bytes;
  map_.unit(static_cast<std::uint32_t>(bytes.size()), source);
}

void ViewText::byte(char b, SourceRange source) {
  if (source.end - source.begin == 1) {
    copy({&b, 1}, source.begin);
  } else {
    unit({&b, 1}, source);
  }
}

}  // namespace capsem::detect
