#include "core/detect/names.h"

#include <algorithm>

#include "core/detect/name_rules.h"
#include "core/detect/name_starts.h"
#include "core/detect/name_table.h"
#include "core/detect/tagger.h"

namespace capsem::detect {
namespace {

// "John Smith Mary Jones": word i, inside a person's name, begins another one.
bool begins_anew(const NameRun& run, std::size_t i, std::size_t first) {
  if (i + 1 >= run.size || i < first + 2) return false;
  const Word &before = run.words[i - 1], &w = run.words[i], &next = run.words[i + 1];
  return (w.flags & kStrongFirstName) != 0 && (before.flags & kFirstName) == 0 &&
         before.capital() && next.capital() && before.shape != WordShape::Initial;
}

// Names of a run, in order.
class Names {
 public:
  Names(std::string_view s, const NameRun& run, const RunTags& tags,
        std::array<Name, kRunWords>& out)
      : s_(s), run_(run), tags_(tags), out_(out) {}

  std::size_t read() {
    std::size_t i = 0;
    while (i < run_.size) {
      if (const std::size_t n = group_size(s_, run_, i, tags_); n > 0) {
        put(i, i + n, NameKind::Group);
        i += n;
        continue;
      }
      const Tag tag = tags_[i];
      std::size_t end = i + 1;
      while (end < run_.size && tags_[end] == tag && group_size(s_, run_, end, tags_) == 0 &&
             !(tag == Tag::Person && begins_anew(run_, end, i))) {
        ++end;
      }
      if (tag == Tag::Person) put(i, end, NameKind::Person);
      if (tag == Tag::Place) put(i, end, NameKind::Place);
      i = end;
    }
    return count_;
  }

 private:
  // Particles at either end belong to no name.
  void put(std::size_t begin, std::size_t end, NameKind kind) {
    while (begin < end && !run_.words[begin].capital()) ++begin;
    while (end > begin && !run_.words[end - 1].capital()) --end;
    if (begin == end || ends_in_code(s_, run_.words[end - 1].end)) return;
    out_[count_++] = {run_.words[begin].begin, run_.words[end - 1].end, kind};
  }

  std::string_view s_;
  const NameRun& run_;
  const RunTags& tags_;
  std::array<Name, kRunWords>& out_;
  std::size_t count_ = 0;
};

// "The", "However": a word of everyday text alone, which no list of names holds. Most are such.
bool everyday(const NameRun& run) {
  constexpr std::uint32_t kNames = kFirstName | kStrongFirstName | kSurname | kStrongSurname |
                                   kPlace | kSurePlace | kGroup | kHonorific;
  const std::uint32_t flags = run.words[0].flags;
  return run.size == 1 && (flags & kCommonWord) != 0 && (flags & kNames) == 0;
}

}  // namespace

void NameReader::read(std::size_t p) {
  count_ = 0;
  run_begin_ = p;
  run_end_ = p;
  if (!begins_word(s_, p)) return;
  NameRun run;
  read_run(s_, p, run);
  if (run.size == 0 || everyday(run)) return;
  read_context(s_, run);
  RunTags tags = tag_run(s_, run, table_);
  apply_person_rules(s_, run, tags);
  count_ = Names(s_, run, tags, names_).read();
  if (!run.whole) return;
  run_begin_ = run.begin();
  run_end_ = run.end();
}

Name NameReader::at(std::size_t p) {
  if (p < run_begin_ || p >= run_end_) read(p);
  for (std::size_t i = 0; i < count_; ++i) {
    const Name& name = names_[i];
    if (p < name.begin || p >= name.end) continue;
    // Only one letter speaks for it.
    const std::string_view text = s_.substr(name.begin, name.end - name.begin);
    const auto first =
        std::find_if(text.begin(), text.end(), [](char c) { return is_upper(c); }) - text.begin();
    const std::size_t speaks = static_cast<std::size_t>(first) == text.size()
                                   ? name.begin
                                   : name.begin + static_cast<std::size_t>(first);
    return speaks == p ? name : Name{};
  }
  return {};
}

Name NameReader::introduced_at(std::size_t p) const {
  NameRun run;
  Word& w = run.words[0];
  w = word_at_place(s_, p);
  if (!w || w.capital() || w.end - w.begin < 3 || ends_in_code(s_, w.end)) return {};
  look_up(s_, w);
  if ((w.flags & (kStrongFirstName | kGroup)) == 0) return {};
  run.size = 1;
  read_before(s_, run);
  if (introduces_person(run)) return {w.begin, w.end, NameKind::Person};
  // Most groups are found by their endings.
  const bool by_ending = ends_as_peoples(w.text(s_)) && lower_group(run);
  if (!by_ending && introduces_group(run)) return {w.begin, w.end, NameKind::Group};
  return {};
}

Name NameReader::lower_group_at(std::size_t p) const {
  std::size_t begin = p;
  while (begin > 0 && p - begin < kWordMax && is_lower(s_[begin - 1])) --begin;
  NameRun run;
  Word& w = run.words[0];
  if (!ends_as_peoples(s_.substr(begin, p + 1 - begin)) || !begins_word(s_, begin)) return {};
  w = word_at_place(s_, begin);
  if (!w || w.end != p + 1 || ends_in_code(s_, w.end)) return {};
  look_up(s_, w);
  if ((w.flags & kGroup) == 0) return {};
  run.size = 1;
  read_before(s_, run);
  return lower_group(run) ? Name{w.begin, w.end, NameKind::Group} : Name{};
}

}  // namespace capsem::detect
