#include "core/detect/ids.h"

#include <algorithm>

namespace capsem::detect {
IdEngine::IdEngine(const TypeMask& types) {
  std::vector<IdRow> wanted;
  for (const auto table :
       {us_ids(), uk_ids(), german_ids(), european_ids(), asian_ids(), other_ids()}) {
    std::ranges::copy_if(table, std::back_inserter(wanted),
                         [&](const IdRow& row) { return types.has(row.type); });
  }
  std::ranges::stable_sort(wanted, {}, &IdRow::type);
  for (const IdRow& row : wanted) add(row);
}

void IdEngine::Bucket::add(const Entry& entry) {
  entries.push_back(entry);
  after.insert(entry.after);
  alone |= entry.alone;
}

void IdEngine::add(const IdRow& row) {
  Shape shape(row.shape);
  const auto index = static_cast<std::uint16_t>(rows_.size());
  const auto enter = [&](auto& buckets, Shape::RunBounds bounds, bool letters) {
    if (bounds.max == 0) return;
    for (std::size_t n = bounds.min; n <= std::min(bounds.max, kRunMax); ++n) {
      const Shape::Next next = shape.after(letters, n);
      if (next.possible) buckets[n].add({shape.first(), next.chars, index, next.nothing, next.any});
    }
  };
  enter(by_digits_, shape.digits(), false);
  enter(by_letters_, shape.letters(), true);
  if (shape.first().has('+')) by_plus_.add({shape.first(), shape.any(), index, true, false});
  if (shape.digits().max > 0 || shape.first().has('+')) {
    shortest_number_ = std::min(shortest_number_, shape.size_min() - 1);
  }
  const bool from_word = shape.letters().max > 0 && !shape.digit_in_first_token();
  begins_with_words_ |= from_word;
  crosses_words_ |= shape.crosses_words();
  after_letters_ |= row.after_letters;
  rows_.push_back({row.type, std::move(shape), row.score, row.check, row.after_letters, from_word});
}

bool IdEngine::begins(const Row& row, char first, Start start) {
  switch (start) {
    case Start::Token:
      return !is_alpha(first) || !row.from_word;
    case Start::Word:
      return row.from_word;
    case Start::AfterLetters:
      return row.after_letters;
  }
  return false;
}

Match IdEngine::fit(const Row& row, std::string_view s, std::size_t p) {
  const std::size_t end = row.shape.fit(s, p).end;
  return end == 0 ? Match{} : judge(row, s, p, end);
}

Match IdEngine::judge(const Row& row, std::string_view s, std::size_t p, std::size_t end) {
  if (row.check == nullptr) return {end, row.score};
  std::array<char, kIdSpanMax> code;
  std::size_t n = 0;
  for (const char c : s.substr(p, std::min(end - p, code.size()))) {
    code[n] = is_lower(c) ? static_cast<char>(c - 0x20) : c;
    n += is_alnum(c) ? 1 : 0;
  }
  const std::size_t back = std::min(p, kBeforeMax);
  const float score = row.check({.code = {code.data(), n},
                                 .raw = s.substr(p, end - p),
                                 .before = s.substr(p - back, back),
                                 .score = row.score});
  return score > 0 ? Match{end, score} : Match{};
}

std::size_t IdEngine::open_from(std::string_view s) const {
  std::size_t p = s.size() > kIdSpanMax ? s.size() - kIdSpanMax : 0;
  for (; p < s.size(); ++p) {
    if (!is_alnum(s[p]) || word_before(s, p)) continue;
    const std::size_t end = run_end(s, p);
    if (end == s.size()) return p;
    for (const Entry& entry : bucket_of(s[p], end - p).entries) {
      if (!entry.first.has(s[p]) || !entry.after.has(s[end])) continue;
      if (rows_[entry.row].shape.fit(s, p).open) return p;
    }
  }
  return s.size();
}

}  // namespace capsem::detect
