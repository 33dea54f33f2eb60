#include "core/detect/tagger.h"

#include <algorithm>

#include "core/base/hash.h"
#include "core/detect/name_table.h"

namespace capsem::detect {
namespace {

class Writer {
 public:
  explicit Writer(Features& features) : f_(features) { f_.size = 0; }
  void add(std::uint64_t value) {
    ++kind_;
    const std::uint64_t h = (value ^ kind_ * 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
    f_.rows[f_.size++] =
        static_cast<std::uint32_t>((h ^ h >> 29) * 0x94d049bb133111ebULL >> (64 - kTableBits));
  }
  void skip() { ++kind_; }

 private:
  Features& f_;
  std::uint64_t kind_ = 0;
};

// Up to eight bytes as a number, ASCII letters folded.
std::uint64_t bytes_value(std::string_view text) {
  std::uint64_t v = 0;
  for (const char c : text) v = v << 8 | static_cast<unsigned char>(fold(c));
  return v;
}

std::uint64_t length_of(const Word& w) {
  const std::size_t n = w.end - w.begin;
  return n <= 3 ? n : n <= 6 ? 4 : 5;
}

// What is known of the word before "," or "and": lists are of like kind.
std::uint64_t listed_flags(const NameRun& run) {
  constexpr std::uint64_t conjunction = name_hash("and"), comma = sign_hash(',');
  const bool listed = run.before[0] == comma || run.before[0] == conjunction;
  return listed ? name_flags(run.before[1]) : 0x1000;
}

constexpr std::uint64_t kNoWord = 0x6e6f6e65ULL;

}  // namespace

void features_of(std::string_view s, const NameRun& run, std::size_t i, Features& features) {
  const Word& w = run.words[i];
  const Word* left = i > 0 ? &run.words[i - 1] : nullptr;
  const Word* right = i + 1 < run.size ? &run.words[i + 1] : nullptr;
  const std::uint64_t back1 = left != nullptr ? left->hash : run.before[0];
  const std::uint64_t back2 = i > 1    ? run.words[i - 2].hash
                              : i == 1 ? run.before[0]
                                       : run.before[1];
  const std::uint64_t next = right != nullptr ? right->hash : run.after;
  const std::uint64_t shape = static_cast<std::uint64_t>(w.shape);
  const std::uint64_t left_flags = left != nullptr ? left->flags : 0x1000;
  const std::uint64_t right_flags = right != nullptr ? right->flags : 0x1000;
  const std::uint64_t left_shape = left != nullptr ? static_cast<unsigned>(left->shape) : 15;
  const std::uint64_t right_shape = right != nullptr ? static_cast<unsigned>(right->shape) : 15;
  const std::string_view text = w.text(s);
  const std::uint64_t flags = w.flags;
  const std::uint64_t place = (i == 0 ? 1U : 0U) | (i + 1 == run.size ? 2U : 0U) |
                              (run.opens ? 4U : 0U) | (run.size > 2 ? 8U : 0U);
  Writer add(features);
  add.add(0);
  add.add(w.hash);
  add.add(w.hash * 31 + shape);
  add.add(back1);
  add.add(back2);
  add.add(next);
  add.add(back1 * 31 + back2);
  add.add(back1 * 31 + flags);
  add.add(next * 31 + flags);
  add.add(back1 * 31 + next);
  for (const std::size_t n : {2U, 3U, 4U}) {
    if (text.size() > n) {
      add.add(bytes_value(text.substr(0, n)));
      add.add(bytes_value(text.substr(text.size() - n)));
    } else {
      add.skip();
      add.skip();
    }
  }
  const bool marks =
      std::any_of(text.begin(), text.end(), [](char c) { return is_continuation(c); });
  add.add(shape << 8 | length_of(w) | (marks ? 16U : 0U));
  add.add(flags);
  add.add(flags << 16 | shape << 8 | place);
  add.add(left_flags << 16 | flags);
  add.add(right_flags << 16 | flags);
  add.add((left_flags << 32 | right_flags) << 13 | flags);
  add.add(left_shape << 16 | shape << 8 | right_shape);
  add.add(place << 16 | std::min<std::size_t>(run.size, 5) << 8 | i);
  add.add(left_shape << 24 | right_shape << 16 | left_flags);
  // The run as a whole: what it begins and ends with, what stands around it.
  const Word& last = run.words[run.size - 1];
  const Word& first = run.words[0];
  add.add(last.hash);
  add.add(first.hash * 31 + (i == 0));
  add.add(run.before[0]);
  add.add(run.before[1] * 31 + run.before[0] * 7 + flags);
  add.add(run.after);
  add.add(std::uint64_t{first.flags} << 32 | std::uint64_t{last.flags} << 8 | place);
  add.add(run.before[1] * 31 + place);
  add.add(run.before[0] * 31 + run.after * 7 + place);
  add.add(listed_flags(run) << 16 | flags);
  // "New York", "San Francisco": two words that are one name in the table.
  const auto pair = [&](const Word& a, const Word& b) -> std::uint64_t {
    return name_flags(s.substr(a.begin, b.end - a.begin));
  };
  add.add((left != nullptr ? pair(*left, w) : kNoWord) << 20 |
          (right != nullptr ? pair(w, *right) : kNoWord));
}

RunTags tag_run(std::string_view s, const NameRun& run, std::span<const std::int8_t> weights) {
  const std::int8_t* table = weights.data();
  std::array<std::array<int, kTags>, kRunWords> scores{};
  Features features;
  for (std::size_t i = 0; i < run.size; ++i) {
    features_of(s, run, i, features);
    auto& score = scores[i];
    for (std::size_t f = 0; f < features.size; ++f) {
      const std::int8_t* row = table + std::size_t{features.rows[f]} * kTags;
      for (std::size_t t = 0; t < kTags; ++t) score[t] += row[t];
    }
  }
  std::array<std::array<int, kTags>, kTags> after;
  const std::int8_t* row = table + kTableRows * kTags;
  for (auto& from : after) {
    for (int& weight : from) weight = *row++;
  }
  return best_tags<int>({scores.data(), run.size}, after);
}

}  // namespace capsem::detect
