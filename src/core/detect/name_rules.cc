#include "core/detect/name_rules.h"

#include <algorithm>
#include <array>

#include "core/detect/name_table.h"

namespace capsem::detect {
namespace {

constexpr unsigned kNameWordsMax = 5;

template <std::size_t N>
constexpr std::array<std::uint64_t, N> hashes_of(const std::string_view (&words)[N]) {
  std::array<std::uint64_t, N> out{};
  for (std::size_t i = 0; i < N; ++i) out[i] = name_hash(words[i]);
  return out;
}

// Before a single first name.
constexpr auto kAddressing = hashes_of({"hi", "hello", "hey", "dear", "thanks", "for", "to", "with",
                                        "by", "and", "ask", "tell", "met"});
constexpr auto kSpeaking = hashes_of({"in", "speak", "speaks", "speaking", "spoke", "spoken",
                                      "into", "to", "translate", "learn", "learning", "fluent"});
constexpr auto kOfLanguage =
    hashes_of({"language", "languages", "translation", "version", "text", "speaker", "speakers",
               "words", "word", "lessons", "class", "dictionary", "grammar"});

template <std::size_t N>
bool hash_is_one(std::uint64_t hash, const std::array<std::uint64_t, N>& list) {
  return std::find(list.begin(), list.end(), hash) != list.end();
}

bool has(const Word& w, std::uint32_t flags) {
  return (w.flags & flags) != 0;
}

bool name_like(const Word& w) {
  return w.capital() && (!has(w, kCommonWord) || has(w, kSurname));
}

bool plain(const Word& w) {
  return !has(w, kCommonWord | kSurePlace | kGroup);
}

// The name that begins with word `first`: behind its last word.
std::size_t name_end(const NameRun& run, std::size_t first) {
  std::size_t end = first + 1;
  for (std::size_t i = end; i < run.size && i < first + kNameWordsMax; ++i) {
    const Word& w = run.words[i];
    if (!w.capital() || w.shape == WordShape::Initial) continue;
    if (!name_like(w)) break;
    end = i + 1;
  }
  return end;
}

void mark(RunTags& tags, std::size_t begin, std::size_t end, Tag tag) {
  std::fill(tags.begin() + static_cast<std::ptrdiff_t>(begin),
            tags.begin() + static_cast<std::ptrdiff_t>(end), tag);
}

// "my name is X", "named X", "call me X"; "I am X" and "I'm X" only before a first name.
bool introduced(const NameRun& run) {
  constexpr std::uint64_t is = name_hash("is"), name = name_hash("name"),
                          named = name_hash("named"), call = name_hash("call"),
                          me = name_hash("me"), am = name_hash("am"), i = name_hash("i"),
                          m = name_hash("m");
  const auto [one, two] = run.before;
  if (one == named || (one == is && two == name) || (one == me && two == call)) return true;
  return ((one == am && two == i) || one == m) && has(run.words[0], kFirstName);
}

// Whether the name that word i is tagged as is this one word.
bool alone(const NameRun& run, std::size_t i, const RunTags& tags) {
  return (i == 0 || tags[i - 1] != tags[i]) && (i + 1 == run.size || tags[i + 1] != tags[i]);
}

// Single words that are names of products, nations' adjectives that no place is called, and common
// words that open a sentence.
void drop_lone_words(const NameRun& run, RunTags& tags) {
  for (std::size_t i = 0; i < run.size; ++i) {
    const Word& w = run.words[i];
    if (!alone(run, i, tags)) continue;
    const bool adjective = tags[i] == Tag::Place && has(w, kGroup) && !has(w, kPlace);
    const bool opener = tags[i] == Tag::Place && run.opens && run.size == 1 &&
                        has(w, kCommonWord) && !has(w, kSurePlace);
    if (has(w, kProduct) || adjective || opener) tags[i] = Tag::None;
  }
}

// "name": "X Y" and Name: X Y, "full_name=X Y": the run is the whole value.
bool keyed(std::string_view s, const NameRun& run) {
  std::size_t i = run.begin();
  const std::size_t p = i;
  while (i > 0 && p - i < 4 && std::string_view("\": '=").find(s[i - 1]) != std::string_view::npos)
    --i;
  if (p - i < 1 || i < 4) return false;
  const std::string_view key = s.substr(i - 4, 4);
  return fold(key[0]) == 'n' && key.substr(1) == "ame" &&
         s.substr(i, p - i).find_first_of(":=") != std::string_view::npos;
}

}  // namespace

bool is_honorific(const Word& w) {
  return w.shape == WordShape::Capital && has(w, kHonorific);
}

void apply_person_rules(std::string_view s, const NameRun& run, RunTags& tags) {
  drop_lone_words(run, tags);
  // "Jack London": a surname that is a town as well.
  if (run.size == 2 && tags[0] == Tag::Person && tags[1] == Tag::Place &&
      has(run.words[0], kStrongFirstName) && has(run.words[1], kSurname)) {
    tags[1] = Tag::Person;
  }
  for (std::size_t i = 0; i < run.size; ++i) {
    if (!is_honorific(run.words[i])) continue;
    tags[i] = Tag::None;
    if (i + 1 < run.size && run.words[i + 1].capital()) {
      mark(tags, i + 1, name_end(run, i + 1), Tag::Person);
    }
  }
  const Word& first = run.words[0];
  if (is_honorific(first)) return;
  if (introduced(run) && plain(first) && tags[0] != Tag::Place) {
    mark(tags, 0, name_end(run, 0), Tag::Person);
  }
  if (run.size >= 2 && run.size <= 4 && plain(first) && keyed(s, run) && tags[0] != Tag::Other &&
      plain(run.words[run.size - 1])) {
    mark(tags, 0, run.size, Tag::Person);
  }
  // "ideas, Elie": a first name that is addressed or stands alone.
  if (run.size == 1 && tags[0] == Tag::None && plain(first) && !has(first, kPlace) &&
      has(first, kStrongFirstName | kFirstName) && first.shape == WordShape::Capital) {
    const bool addressed = hash_is_one(run.before[0], kAddressing);
    if (has(first, kStrongFirstName) || addressed) tags[0] = Tag::Person;
  }
}

bool is_group(std::string_view s, const NameRun& run, std::size_t i, const RunTags& tags) {
  const Word& w = run.words[i];
  if (!has(w, kGroup) || w.shape != WordShape::Capital) return false;
  if (has(w, kPlace | kFirstName | kSurname) && tags[i] != Tag::None && tags[i] != Tag::Other) {
    return false;
  }
  const bool last = i + 1 == run.size;
  if (!last && (tags[i] == Tag::Other || tags[i] == Tag::Place) && tags[i + 1] == tags[i]) {
    return false;
  }
  if (i > 0 && tags[i] == Tag::Other && tags[i - 1] == Tag::Other) return false;
  const bool language = (i == 0 && hash_is_one(run.before[0], kSpeaking) && last) ||
                        (last && hash_is_one(run.after, kOfLanguage));
  if (language) return false;
  return !ends_in_code(s, w.end);
}

}  // namespace capsem::detect
