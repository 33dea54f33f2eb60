#include "core/detect/fold.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

struct Row {
  char32_t first, last;
  std::string_view text;
  bool counts;    // each next code point stands for the next character
  bool skeleton;  // in the skeleton only
};
constexpr Row kRows[] = {
#include "core/detect/data/fold_rows.inc"
};

// Code point -> text, in two stages: a page of 128 for each that differs, one empty page for all
// the rest.
class FoldTable {
 public:
  explicit FoldTable(View view) : page_of_(kCodePoints / kPage, 0) {
    texts_.push_back({});
    entries_.resize(kPage, 0);
    for (const Row& row : kRows) {
      if (row.skeleton && view != View::Skeleton) continue;
      for (char32_t c = row.first; c <= row.last; ++c) {
        std::string text(row.text);
        if (row.counts) text[0] = static_cast<char>(text[0] + static_cast<char>(c - row.first));
        slot(c) = index_of(text);
      }
    }
  }

  // Null: the character stays.
  const Folded* find(char32_t c) const {
    const std::uint16_t text = entries_[page_of_[c / kPage] * kPage + c % kPage];
    return text == 0 ? nullptr : &texts_[text];
  }

 private:
  static constexpr std::size_t kCodePoints = 0x110000, kPage = 128;

  std::uint16_t& slot(char32_t c) {
    std::uint16_t& page = page_of_[c / kPage];
    if (page == 0) {
      page = static_cast<std::uint16_t>(entries_.size() / kPage);
      entries_.resize(entries_.size() + kPage, 0);
    }
    return entries_[page * kPage + c % kPage];
  }

  std::uint16_t index_of(const std::string& text) {
    const auto [known, fresh] = index_.try_emplace(text, static_cast<std::uint16_t>(texts_.size()));
    if (fresh) {
      Folded folded{.is = Folds::To, .size = static_cast<std::uint8_t>(text.size())};
      std::ranges::copy(text, folded.text.begin());
      texts_.push_back(folded);
    }
    return known->second;
  }

  std::vector<std::uint16_t> page_of_;
  std::vector<std::uint16_t> entries_;  // into texts_; 0: stays
  std::vector<Folded> texts_;
  std::map<std::string, std::uint16_t> index_;
};

const FoldTable& table_of(View view) {
  static const FoldTable tables[kViewCount] = {FoldTable(View::Folded), FoldTable(View::Skeleton)};
  return tables[static_cast<std::size_t>(view)];
}

}  // namespace

Folded read_folded(std::string_view s, View view, bool last) {
  const auto lead = static_cast<unsigned char>(s[0]);
  if (lead < 0xC2 || lead > 0xF4) return {};
  const std::size_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t c = lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if (i == s.size()) return {.is = last ? Folds::No : Folds::Open};
    if (!is_continuation(s[i])) return {};
    c = c << 6 | (static_cast<unsigned char>(s[i]) & 63U);
  }
  if (c > 0x10FFFF) return {};
  const Folded* found = table_of(view).find(c);
  Folded result = found == nullptr ? Folded{} : *found;
  result.span = static_cast<std::uint8_t>(size);
  return result;
}

}  // namespace capsem::detect
