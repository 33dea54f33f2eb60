#include "core/detect/injection_model.h"

#include <algorithm>
#include <cstring>

#include "core/detect/chars.h"
#include "core/detect/injection_scan.h"
#include "core/detect/model_data.h"

namespace capsem::detect::injection {
namespace {

static_assert(kModelBack + 1 < kLookBehind && kModelAhead < kReach);

constexpr float kScoreMin = 0.5F, kScoreMax = 0.85F;
constexpr std::size_t kStem = 5;  // bytes by which forms of a word are one
// Keep the three kinds of rows apart.
constexpr std::uint64_t kBegins = 0xbf58476d1ce4e5b9ULL, kAfter = 0x9e3779b97f4a7c15ULL;
constexpr std::uint64_t kStart = 0xcbf29ce484222325ULL, kPrime = 0x100000001b3ULL;

// Letters, digits and whatever is not ASCII belong to words.
bool is_letter(char c) {
  return is_alnum(c) || static_cast<unsigned char>(c) >= 0x80;
}

// Bytes of the typographic sign (quote, dash, ellipsis) at p; 0: there is none.
std::size_t sign_at(std::string_view s, std::size_t p) {
  return s[p] == '\xE2' && p + 2 < s.size() && s[p + 1] == '\x80' ? 3 : 0;
}

// Bytes of the apostrophe at p that stands inside a word; 0: there is none.
std::size_t apostrophe_at(std::string_view s, std::size_t p) {
  const std::size_t size = s[p] == '\'' ? 1 : sign_at(s, p) != 0 && s[p + 2] == '\x99' ? 3 : 0;
  return size != 0 && p + size < s.size() && is_alpha(s[p + size]) ? size : 0;
}

std::uint32_t row_of(std::uint64_t hash) {
  return static_cast<std::uint32_t>((hash ^ hash >> 29) * 0x94d049bb133111ebULL >>
                                    (64 - kModelBits));
}

}  // namespace

std::uint64_t model_word_hash(std::string_view word) {
  return model_word(word, 0).hash;
}

ModelWord model_word(std::string_view s, std::size_t p) {
  std::uint64_t h = kStart;
  const std::size_t begin = p;
  while (p < s.size()) {
    if (const char c = s[p]; is_alnum(c)) {
      h = (h ^ static_cast<unsigned char>(fold(c))) * kPrime;
      ++p;
    } else if (const std::size_t apostrophe = p > begin ? apostrophe_at(s, p) : 0;
               apostrophe != 0) {
      p += apostrophe;
    } else if (is_letter(c) && sign_at(s, p) == 0) {
      h = (h ^ static_cast<unsigned char>(c)) * kPrime;
      ++p;
    } else {
      break;
    }
  }
  return {h, p};
}

bool model_word_begins(std::string_view s, std::size_t p) {
  if (p == 0) return true;
  if (p >= 3 && sign_at(s, p - 3) != 0) return s[p - 1] != '\x99';
  if (s[p - 1] == '\'') return p == 1 || !is_letter(s[p - 2]);
  return !is_letter(s[p - 1]);
}

void ModelRows::add(std::uint64_t hash) {
  const auto row = row_of(hash);
  for (std::size_t i = row % kSlots;; i = (i + 1) % kSlots) {
    if (seen_[i] == row + 1) return;
    if (seen_[i] != 0) continue;
    seen_[i] = row + 1;
    rows_[size_++] = row;
    return;
  }
}

void ModelRows::read(std::string_view s, std::size_t p) {
  seen_.fill(0);
  size_ = 0;
  std::size_t at = floor_of(p, kModelBack);
  const std::size_t end = std::min(s.size(), p + kModelAhead);
  if (at > 0 && !model_word_begins(s, at)) {
    while (at < end && is_letter(s[at])) ++at;
  }
  std::uint64_t before = 0;
  while (at < end) {
    const ModelWord word = model_word(s.substr(0, end), at);
    if (word.end == at) {
      at += std::max<std::size_t>(1, sign_at(s.substr(0, end), at));
      continue;
    }
    if (word.end == end && end < s.size()) break;
    add(word.hash);
    if (word.end - at > kStem) add(kBegins + model_word(s.substr(at, kStem), 0).hash);
    if (before != 0) add(before * kAfter + word.hash);
    before = word.hash;
    at = word.end;
  }
}

const LearnedModel& LearnedModel::shipped() {
  static const LearnedModel model(injection_model());
  return model;
}

LearnedModel::LearnedModel(std::span<const std::int8_t> file) : hashes_(kSlots) {
  std::memcpy(&header_, file.data(), sizeof header_);
  weights_ = file.subspan(sizeof header_, kModelRows);
  std::string_view rest(
      reinterpret_cast<const char*>(file.subspan(sizeof header_ + kModelRows).data()),
      header_.anchor_bytes);
  for (; !rest.empty(); rest.remove_prefix(rest.find('\n') + 1)) {
    const std::string_view anchor = anchors_.emplace_back(rest.substr(0, rest.find('\n')));
    const std::uint64_t hash = model_word_hash(anchor);
    std::size_t i = hash % kSlots;
    while (hashes_[i] != 0) i = (i + 1) % kSlots;
    hashes_[i] = hash;
    const std::size_t slot = prefix_slot(anchor, 0);
    prefixes_[slot / 64] |= std::uint64_t{1} << slot % 64;
  }
}

std::size_t LearnedModel::prefix_slot(std::string_view s, std::size_t p) {
  std::uint32_t value = 0;
  std::memcpy(&value, &s[p], sizeof value);
  value = (value | 0x20202020U) * 0x9E3779B1U;
  return value % kPrefixes;
}

bool LearnedModel::may_begin_anchor(std::string_view s, std::size_t p) const {
  if (p + kAnchorMin > s.size()) return true;
  const std::size_t slot = prefix_slot(s, p);
  return (prefixes_[slot / 64] >> slot % 64 & 1U) != 0;
}

std::size_t LearnedModel::anchor_end(std::string_view s, std::size_t p, std::size_t& end) const {
  end = p;
  if (!may_begin_anchor(s, p) || !model_word_begins(s, p)) return 0;
  // What stands behind an apostrophe tells whether it belongs to the word.
  constexpr std::size_t kBehind = 4;
  const ModelWord word = model_word(s.substr(0, std::min(s.size(), p + kAnchorMax + kBehind)), p);
  end = word.end + kBehind;
  if (word.end > p + kAnchorMax) return 0;
  for (std::size_t i = word.hash % kSlots; hashes_[i] != 0; i = (i + 1) % kSlots) {
    if (hashes_[i] == word.hash) return word.end;
  }
  return 0;
}

int LearnedModel::margin(std::string_view s, std::size_t p) const {
  ModelRows window;
  window.read(s, p);
  int sum = 0;
  for (const std::uint32_t row : window.rows()) sum += weights_[row];
  return sum;
}

float LearnedModel::score(int margin) const {
  if (margin < header_.threshold) return 0;
  const int way = std::max(1, header_.sure - header_.threshold);
  const int done = std::min(way, margin - header_.threshold);
  return kScoreMin + (kScoreMax - kScoreMin) * static_cast<float>(done) / static_cast<float>(way);
}

void match_learned(Ahead& text, std::size_t p, Hits& hits) {
  const LearnedModel& model = LearnedModel::shipped();
  std::size_t seen = 0;
  const std::size_t end = model.anchor_end(text.text(), p, seen);
  if (seen > p) text.at(seen);
  if (end == 0 || text.touched()) return;
  text.at(p + kModelAhead);
  if (text.touched()) return;
  if (const float score = model.score(model.margin(text.text(), p)); score > 0) {
    hits.add(Sign::LearnedAttack, score, end);
  }
}

}  // namespace capsem::detect::injection
