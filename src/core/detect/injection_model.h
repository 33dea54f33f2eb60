// The learned sign of an attack: a linear model over the words around a place where a word stands
// that attacks are fond of (an anchor). The words and the weights are made by `make
// train-injection`, which reads windows with this very code.
//
// A window is [p - kModelBack, p + kModelAhead) around an anchor at p, whole words only, so that
// its margin is a function of the text near p, however the text arrives. Ordinary text has few
// anchors: it costs nothing but the filter that looks for them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace capsem::detect::injection {

inline constexpr std::size_t kModelBack = 240, kModelAhead = 200;  // bytes

inline constexpr unsigned kModelBits = 17;
inline constexpr std::size_t kModelRows = std::size_t{1} << kModelBits;
inline constexpr std::size_t kAnchorMin = 4, kAnchorMax = 24;  // letters

// What the file begins with; the weights follow, and the anchors, each with a line end.
struct ModelHeader {
  std::int32_t threshold;  // the least margin of a finding
  std::int32_t sure;       // from this margin on the score is the highest
  std::uint32_t anchor_bytes;
};

// Of a word in lower case.
std::uint64_t model_word_hash(std::string_view word);

// The word that begins at p: its hash, and where it ends; end == p: none begins there.
struct ModelWord {
  std::uint64_t hash = 0;
  std::size_t end = 0;
};
ModelWord model_word(std::string_view s, std::size_t p);
// Whether no word began before p and goes on at it.
bool model_word_begins(std::string_view s, std::size_t p);

// Places in the table: one for each word of a window, each beginning of a longer word and each two
// in a row, none twice.
class ModelRows {
 public:
  void read(std::string_view s, std::size_t p);
  std::span<const std::uint32_t> rows() const { return {rows_.data(), size_}; }

 private:
  static constexpr std::size_t kWordsMax = (kModelBack + kModelAhead) / 2 + 1;
  static constexpr std::size_t kSlots = 1024;  // a power of two, more than there are rows
  static_assert(kSlots > 3 * kWordsMax);

  void add(std::uint64_t hash);

  std::array<std::uint32_t, 3 * kWordsMax> rows_;
  std::array<std::uint32_t, kSlots> seen_;  // rows plus 1, by open addressing
  std::size_t size_ = 0;
};

class LearnedModel {
 public:
  // The one that the program carries.
  static const LearnedModel& shipped();

  // REQUIRES: a file as described above, which outlives the model.
  explicit LearnedModel(std::span<const std::int8_t> file);

  std::span<const std::string_view> anchors() const { return anchors_; }
  // Where the anchor that begins at p ends; 0: none does. More text may change the answer unless
  // there is a byte at `end`.
  std::size_t anchor_end(std::string_view s, std::size_t p, std::size_t& end) const;
  int margin(std::string_view s, std::size_t p) const;
  // 0: no finding.
  float score(int margin) const;

 private:
  static constexpr std::size_t kSlots = 2048, kPrefixes = 4096;  // powers of two

  // REQUIRES: kAnchorMin bytes at p.
  static std::size_t prefix_slot(std::string_view s, std::size_t p);
  bool may_begin_anchor(std::string_view s, std::size_t p) const;

  ModelHeader header_{};
  std::span<const std::int8_t> weights_;
  std::vector<std::string_view> anchors_;
  std::vector<std::uint64_t> hashes_;  // of anchors, by open addressing; 0: free
  std::array<std::uint64_t, kPrefixes / 64> prefixes_{};
};

}  // namespace capsem::detect::injection
