// The trained tagger: what each word of a run is, by a linear model over hashed features of the
// words, their neighbours and the name table, and the best sequence of tags over the run.
//
// The table is made by `make train-names` (training/names). It is a pure function of the run.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/detect/name_run.h"

namespace capsem::detect {

enum class Tag : std::uint8_t { None, Person, Place, Other };  // Other: organisations, works, ...
inline constexpr std::size_t kTags = 4;

using RunTags = std::array<Tag, kRunWords>;

// The features of one word: places in the table, each of kTags weights.
inline constexpr std::size_t kFeaturesMax = 40;
struct Features {
  std::array<std::uint32_t, kFeaturesMax> rows;
  std::size_t size = 0;
};

inline constexpr unsigned kTableBits = 18;
inline constexpr std::size_t kTableRows = std::size_t{1} << kTableBits;
// Behind the rows: kTags x kTags weights of one tag after another.
inline constexpr std::size_t kTableBytes = (kTableRows + kTags) * kTags;

// Where the features of run.words[i] are in the table.
void features_of(std::string_view s, const NameRun& run, std::size_t i, Features& features);

// The best sequence of tags under `scores[word][tag]` and `after[previous][next]`.
template <class Weight>
RunTags best_tags(std::span<const std::array<Weight, kTags>> scores,
                  const std::array<std::array<Weight, kTags>, kTags>& after) {
  std::array<std::array<std::uint8_t, kTags>, kRunWords> from{};
  std::array<Weight, kTags> best = scores[0];
  for (std::size_t i = 1; i < scores.size(); ++i) {
    std::array<Weight, kTags> next;
    for (std::size_t t = 0; t < kTags; ++t) {
      std::size_t source = 0;
      for (std::size_t f = 1; f < kTags; ++f) {
        if (best[f] + after[f][t] > best[source] + after[source][t]) source = f;
      }
      from[i][t] = static_cast<std::uint8_t>(source);
      next[t] = best[source] + after[source][t] + scores[i][t];
    }
    best = next;
  }
  std::size_t t = 0;
  for (std::size_t f = 1; f < kTags; ++f) {
    if (best[f] > best[t]) t = f;
  }
  RunTags tags{};
  for (std::size_t i = scores.size(); i-- > 0;) {
    tags[i] = static_cast<Tag>(t);
    t = from[i][t];
  }
  return tags;
}

// REQUIRES: run.size > 0; table.size() == kTableBytes.
RunTags tag_run(std::string_view s, const NameRun& run, std::span<const std::int8_t> table);

}  // namespace capsem::detect
