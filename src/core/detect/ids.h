// National identifiers: which numbers and codes there are, how each is written (shape.h), and what
// is checked of it. One table per region; the engine asks only the rows whose type is wanted, and
// of these only those whose first character and first run fit the place.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/detect/chars.h"
#include "core/detect/entity.h"
#include "core/detect/shape.h"

namespace capsem::detect {

inline constexpr std::size_t kBeforeMax = 8;

// What a check sees of a text that fits a shape.
struct Candidate {
  std::string_view code;    // letters and digits alone, in capitals
  std::string_view raw;     // as it is written
  std::string_view before;  // up to kBeforeMax bytes that stand before it
  float score = 0;          // the row's

  float pass_if(bool ok) const { return ok ? 1.0F : 0.0F; }    // proved, or nothing at all
  float keep_if(bool ok) const { return ok ? score : 0.0F; }   // not disproved
  float raise_if(bool ok) const { return ok ? 1.0F : score; }  // a failed check says nothing
};

// The score of the candidate; 0: it is none. Null: the row's own.
using IdCheck = float (*)(const Candidate& candidate);

struct IdRow {
  EntityType type;
  std::string_view shape;
  float score;  // Presidio's, where it has the form
  IdCheck check = nullptr;
  bool after_letters = false;  // may follow a word without a gap ("is030594W903B")
};

// One table for each region.
std::span<const IdRow> us_ids();
std::span<const IdRow> uk_ids();
std::span<const IdRow> german_ids();
std::span<const IdRow> european_ids();  // es, it, pl, fi, se
std::span<const IdRow> asian_ids();     // in, sg, kr, th, tr, ph
std::span<const IdRow> other_ids();     // au, ca, ng, za

inline constexpr std::size_t kIdSpanMax = 40;  // bytes of the longest identifier as written

// The rows of the wanted types. Immutable.
class IdEngine {
 public:
  explicit IdEngine(const TypeMask& types);

  bool empty() const { return rows_.empty(); }
  // Some row begins with letters and has no digit in its first word.
  bool begins_with_words() const { return begins_with_words_; }
  // Text may go on over a space to a word of letters: see open_from().
  bool crosses_words() const { return crosses_words_; }
  // Some row may begin right after letters.
  bool after_letters() const { return after_letters_; }

  enum class Start : std::uint8_t {
    Token,         // a word that begins with a digit, or has one further on
    Word,          // a word of letters alone
    AfterLetters,  // a digit right after letters
  };
  // Calls visit(type, match) for each type that begins at p with its best score. `end` is the end
  // of the letters, or digits, that p begins: run_end(). REQUIRES: s[p] is what `start` says, and
  // no word character stands before it (but for AfterLetters).
  template <class Visit>
  void at(std::string_view s, std::size_t p, std::size_t end, Start start, Visit visit) const {
    const char next = char_at(s, end);
    const Bucket& bucket = bucket_of(s[p], end - p);
    EntityType type{};
    Match best;
    for (const Entry& entry : bucket.entries) {
      if (!entry.first.has(s[p]) || (!entry.alone && !entry.after.has(next))) continue;
      const Row& row = rows_[entry.row];
      if (!begins(row, s[p], start)) continue;
      // Where the run is all of it, whatever its characters are, there is nothing to compare.
      const bool plain = entry.any && !entry.after.has(next) && !word_at(s, end);
      const Match match = plain ? judge(row, s, p, end) : fit(row, s, p);
      if (!match) continue;
      if (best && row.type != type) {
        visit(type, best);
        best = {};
      }
      type = row.type;
      if (match.score > best.score || (match.score == best.score && match.end > best.end)) {
        best = match;
      }
    }
    if (best) visit(type, best);
  }
  // Whether at() has to be asked: refuses most numbers and words by their length and what follows.
  bool may_begin(std::string_view s, std::size_t p, std::size_t end) const {
    const Bucket& bucket = bucket_of(s[p], end - p);
    return bucket.alone || bucket.after.has(char_at(s, end));
  }
  // The end of the letters, or digits, or the sign at p and the digits behind it.
  static std::size_t run_end(std::string_view s, std::size_t p) {
    const std::uint8_t kind = is_alpha(s[p]) ? kAlpha : kDigit;
    std::size_t end = p + 1;
    while (end < s.size() && (class_of(s[end]) & kind) != 0) ++end;
    return end;
  }
  // The fewest digits that are an identifier, or its beginning, where no separator of numbers and
  // no word character follows them.
  std::size_t shortest_number() const { return shortest_number_; }

  // Where the first text begins that may still become an identifier when more text follows, or
  // s.size(). Looks at the last kIdSpanMax bytes.
  std::size_t open_from(std::string_view s) const;

 private:
  struct Row {
    EntityType type;
    Shape shape;
    float score;
    IdCheck check;
    bool after_letters, from_word;
  };
  static constexpr std::size_t kRunMax = 18;  // longer first runs share a bucket
  // A row, for one length of the run it begins with.
  struct Entry {
    CharSet first, after;  // the first character, the one behind the run
    std::uint16_t row;
    bool alone;  // the run may be all of it
    bool any;    // any run that begins with one of `first` may
  };
  struct Bucket {
    std::vector<Entry> entries;
    CharSet after;  // of any entry
    bool alone = false;
    void add(const Entry& entry);
  };

  void add(const IdRow& row);
  // The rows that may begin with so many characters of the kind of `first`.
  const Bucket& bucket_of(char first, std::size_t run) const {
    if (first == '+') return by_plus_;
    if (run > kRunMax) return none_;
    return is_alpha(first) ? by_letters_[run] : by_digits_[run];
  }
  static bool begins(const Row& row, char first, Start start);
  static Match fit(const Row& row, std::string_view s, std::size_t p);
  // What the row's check makes of s[p, end), which fits its shape.
  static Match judge(const Row& row, std::string_view s, std::size_t p, std::size_t end);

  std::vector<Row> rows_;                                   // of one type together
  std::array<Bucket, kRunMax + 1> by_digits_, by_letters_;  // by the length of the first run
  Bucket by_plus_, none_;
  std::size_t shortest_number_ = kRunMax;
  bool begins_with_words_ = false, crosses_words_ = false, after_letters_ = false;
};

}  // namespace capsem::detect
