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

// Titles as they are written in haste; with a capital the table knows them.
constexpr auto kLowerTitles = hashes_of({"mr", "mrs", "ms", "mx", "dr", "miss", "prof"});
constexpr auto kCalling = hashes_of({"call", "calls", "called", "named", "calling"});
constexpr auto kCalled = hashes_of({"me", "him", "her", "them", "himself", "herself"});
constexpr auto kGreetings = hashes_of({"dear", "hi", "hello", "hey", "hallo", "thanks", "sir"});
constexpr auto kOfTowns = hashes_of({"north", "south", "east", "west", "new", "port", "lake",
                                     "fort", "mount", "upper", "lower", "san", "rancho"});
// Before a single first name.
constexpr auto kAddressing = hashes_of({"hi", "hello", "hey", "dear", "thanks", "for", "to", "with",
                                        "by", "and", "ask", "tell", "met"});
constexpr auto kSpeaking = hashes_of(
    {"speak", "speaks", "speaking", "spoke", "spoken", "translate", "learn", "learning", "fluent"});
constexpr auto kIntoLanguage = hashes_of({"in", "into", "to", "from"});
constexpr auto kDetermining =
    hashes_of({"the",   "a",    "an",   "my",  "our",   "his",  "her", "their", "this",  "these",
               "those", "some", "many", "two", "three", "most", "all", "other", "young", "old"});
constexpr auto kAtPlaces = hashes_of({"in", "at", "from", "to", "near", "of", "via"});
// Languages that are named more often than the people, and words that mean something else.
constexpr auto kNoLowerGroups = hashes_of({"english", "polish", "danish", "pagan", "pagans"});
constexpr auto kSigns = std::to_array(
    {sign_hash('\0'), sign_hash('.'), sign_hash(','), sign_hash(';'), sign_hash(':'),
     sign_hash('?'), sign_hash('!'), sign_hash('"'), sign_hash('\''), sign_hash(')'),
     sign_hash('('), sign_hash('\n'), sign_hash('-'), sign_hash('/'), sign_hash('0')});
// Behind a language, before what is no noun.
constexpr auto kGoingOn =
    hashes_of({"and",     "or",    "but",     "as",    "with", "for",  "if",  "please", "by",
               "on",      "at",    "to",      "from",  "in",   "only", "now", "then",   "when",
               "because", "using", "instead", "first", "too",  "is",   "was"});
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

std::uint32_t pair_flags(std::string_view s, const NameRun& run, std::size_t i) {
  const std::size_t begin = run.words[i].begin;
  return name_flags(s.substr(begin, run.words[i + 1].end - begin));
}

void mark(RunTags& tags, std::size_t begin, std::size_t end, Tag tag) {
  std::fill(tags.begin() + static_cast<std::ptrdiff_t>(begin),
            tags.begin() + static_cast<std::ptrdiff_t>(end), tag);
}

// "my name is X", "named X", "calls me X".
bool told_by_name(const NameRun& run) {
  constexpr std::uint64_t is = name_hash("is"), name = name_hash("name"),
                          named = name_hash("named");
  const auto [one, two] = run.before;
  if (one == named || (one == is && two == name)) return true;
  return hash_is_one(one, kCalled) && hash_is_one(two, kCalling);
}

// "I am X", "I'm X".
bool told_by_self(const NameRun& run) {
  constexpr std::uint64_t am = name_hash("am"), i = name_hash("i"), m = name_hash("m");
  const auto [one, two] = run.before;
  return (one == am && two == i) || one == m;
}

// "I am X" only before a first name. "I am Sofia": the only one who says so of a city.
bool introduced(const NameRun& run) {
  return told_by_name(run) || (told_by_self(run) && has(run.words[0], kFirstName));
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

// "dr. X", "mrs X".
bool titled(const NameRun& run) {
  const bool dot = run.before[0] == sign_hash('.');
  return hash_is_one(run.before[dot ? 1 : 0], kLowerTitles);
}

// "J. Silva": the initial is a part of it.
void mark_first_initials(const NameRun& run, RunTags& tags) {
  for (std::size_t i = run.size - 1; i-- > 0;) {
    if (run.words[i].shape == WordShape::Initial && tags[i + 1] == Tag::Person) {
      tags[i] = Tag::Person;
    }
  }
}

// "Ana M. Silva", "Ana M Silva": hardly anything else has a letter in the middle.
void mark_middle_initials(std::string_view s, const NameRun& run, RunTags& tags) {
  constexpr std::uint32_t kNames = kFirstName | kSurname | kRareSurname;
  for (std::size_t i = 1; i + 1 < run.size; ++i) {
    const Word &front = run.words[i - 1], &back = run.words[i + 1];
    const bool initial = run.words[i].capital() &&
                         upper_size(s, run.words[i].begin) == run.words[i].end - run.words[i].begin;
    if (!initial || front.shape != WordShape::Capital || back.shape == WordShape::Lower) continue;
    if (plain(front) && plain(back) && has(front, kNames) && !has(back, kOrganisation)) {
      mark(tags, i - 1, i + 2, Tag::Person);
    }
  }
}

// "Bernard Loiseau SA", "North Ronald": companies and towns that are named after persons.
void drop_namesakes(const NameRun& run, RunTags& tags) {
  for (std::size_t begin = 0; begin < run.size;) {
    std::size_t end = begin + 1;
    while (end < run.size && tags[end] == tags[begin]) ++end;
    // The word that says so may have been taken for a part of the name.
    const bool named = tags[begin] == Tag::Person || tags[begin] == Tag::Place;
    for (std::size_t i = begin + 1; named && i <= end && i < run.size; ++i) {
      if (has(run.words[i], kOrganisation) && run.words[i].capital() &&
          (i == end || !has(run.words[i], kFirstName | kSurname))) {
        mark(tags, begin, i + 1, Tag::Other);
        break;
      }
    }
    begin = end;
  }
  if (run.size == 2 && tags[1] == Tag::Person && hash_is_one(run.words[0].hash, kOfTowns)) {
    mark(tags, 0, 2, Tag::Place);
  }
}

// "The Dutch Border Force": an adjective before everyday words, the name of no company.
bool describes(const NameRun& run, std::size_t i) {
  constexpr std::uint64_t the = name_hash("the");
  if ((i == 0 ? run.before[0] : run.words[i - 1].hash) != the) return false;
  for (std::size_t k = i + 1; k < run.size; ++k) {
    if (!has(run.words[k], kCommonWord) || has(run.words[k], kOrganisation)) return false;
  }
  return true;
}

// "Dear X", "Hi X Y": where the name begins, or run.size.
std::size_t greeted(const NameRun& run) {
  if (run.size > 1 && hash_is_one(run.words[0].hash, kGreetings)) return 1;
  return run.size;
}

bool first_name(const Word& w) {
  return has(w, kStrongFirstName) && !has(w, kCommonWord);
}

// "Jack London", "Sofia Novak": towns that are names as well. "Grace Chen": a word that is one.
void mark_towns_names(std::string_view s, const NameRun& run, RunTags& tags) {
  constexpr std::uint32_t kSurnames = kSurname | kStrongSurname | kRareSurname;
  for (std::size_t i = 0; i + 1 < run.size; ++i) {
    const Word &w = run.words[i], &next = run.words[i + 1];
    if (!has(w, kStrongFirstName) || w.shape != WordShape::Capital || !has(next, kSurnames))
      continue;
    const bool before_town = tags[i] == Tag::Person && tags[i + 1] == Tag::Place;
    const bool town = tags[i] == Tag::Place && tags[i + 1] == Tag::Place && plain(next) &&
                      !has(next, kPlace) && (pair_flags(s, run, i) & kPlace) == 0;
    const bool word = tags[i] == Tag::None && tags[i + 1] == Tag::Person && (i > 0 || !run.opens);
    if ((before_town && run.size == 2) || town || word) mark(tags, i, i + 2, Tag::Person);
  }
}

// "Dan Bar", "Anna King": a first name and a surname that is a word, too, by themselves; not behind
// a number, where streets are named so.
void mark_plain_pair(const NameRun& run, RunTags& tags) {
  if (run.size != 2 || tags[0] != Tag::None || tags[1] != Tag::None) return;
  const Word &w = run.words[0], &next = run.words[1];
  const bool capitals = w.shape == WordShape::Capital && next.shape == WordShape::Capital;
  if (capitals && has(w, kStrongFirstName) && plain(w) && !has(w, kProduct) &&
      has(next, kSurname | kStrongSurname) && !has(next, kOrganisation | kGroup) &&
      run.before[0] != sign_hash('0')) {
    mark(tags, 0, 2, Tag::Person);
  }
}

// "Christian Bale".
void mark_group_names(const NameRun& run, RunTags& tags) {
  for (std::size_t i = 0; i + 1 < run.size; ++i) {
    const Word& next = run.words[i + 1];
    const bool surname = has(next, kSurname | kRareSurname) && plain(next);
    if (has(run.words[i], kGroup) && has(run.words[i], kStrongFirstName) && surname) {
      mark(tags, i, i + 2, Tag::Person);
    }
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

// "in French", "translate it to Dutch please"; not "in French films".
bool asks_for_language(const NameRun& run) {
  if (hash_is_one(run.before[0], kSpeaking)) return true;
  if (!hash_is_one(run.before[0], kIntoLanguage)) return false;
  return hash_is_one(run.after, kSigns) || hash_is_one(run.after, kGoingOn);
}

// Whether word i, a group, is a person's name or a place's here ("Christian left", "in Georgia").
bool named_like_group(const NameRun& run, std::size_t i, const RunTags& tags) {
  const Word& w = run.words[i];
  const std::uint64_t before = i == 0 ? run.before[0] : run.words[i - 1].hash;
  if (tags[i] == Tag::Place) return has(w, kPlace) && hash_is_one(before, kAtPlaces);
  if (tags[i] != Tag::Person) return false;
  return !alone(run, i, tags) || (has(w, kFirstName) && !hash_is_one(before, kDetermining));
}

}  // namespace

bool is_honorific(const Word& w) {
  return w.shape == WordShape::Capital && has(w, kHonorific);
}

void apply_person_rules(std::string_view s, const NameRun& run, RunTags& tags) {
  drop_lone_words(run, tags);
  mark_towns_names(s, run, tags);
  mark_plain_pair(run, tags);
  for (std::size_t i = 0; i < run.size; ++i) {
    if (!is_honorific(run.words[i])) continue;
    tags[i] = Tag::None;
    if (i + 1 < run.size && run.words[i + 1].capital()) {
      mark(tags, i + 1, name_end(run, i + 1), Tag::Person);
    }
  }
  mark_middle_initials(s, run, tags);
  mark_group_names(run, tags);
  mark_first_initials(run, tags);
  drop_namesakes(run, tags);
  const Word& first = run.words[0];
  if (is_honorific(first)) return;
  if (titled(run)) mark(tags, 0, name_end(run, 0), Tag::Person);
  if (introduced(run) && (first_name(first) || (plain(first) && tags[0] != Tag::Place))) {
    mark(tags, 0, name_end(run, 0), Tag::Person);
  }
  if (const std::size_t i = greeted(run);
      i < run.size && (first_name(run.words[i]) || plain(run.words[i]))) {
    mark(tags, 0, i, Tag::None);
    mark(tags, i, name_end(run, i), Tag::Person);
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

bool introduces_person(const NameRun& run) {
  return told_by_name(run) && plain(run.words[0]) && has(run.words[0], kStrongFirstName);
}

bool lower_group(const NameRun& run) {
  const Word& w = run.words[0];
  const std::uint64_t one = run.before[0];
  return has(w, kGroup) && !hash_is_one(w.hash, kNoLowerGroups) && !hash_is_one(one, kSpeaking) &&
         !hash_is_one(one, kIntoLanguage);
}

bool introduces_group(const NameRun& run) {
  constexpr std::uint64_t is = name_hash("is"), he = name_hash("he"), she = name_hash("she");
  const auto [one, two] = run.before;
  const Word& w = run.words[0];
  if (!has(w, kGroup)) return false;
  return told_by_self(run) || (one == is && (two == he || two == she) && !has(w, kCommonWord));
}

std::size_t group_size(std::string_view s, const NameRun& run, std::size_t i, const RunTags& tags) {
  const Word& w = run.words[i];
  const bool last = i + 1 == run.size;
  if (!last && has(run.words[i + 1], kGroup)) {
    const std::uint32_t both = pair_flags(s, run, i);
    if ((both & kGroup) != 0 && (both & kPlace) == 0) return 2;
  }
  if (!has(w, kGroup) || w.shape != WordShape::Capital) return 0;
  if (named_like_group(run, i, tags)) return 0;
  if (!last && (pair_flags(s, run, i) & kPlace) != 0) return 0;  // "French Guiana"
  // "12 Christian Street".
  if (i == 0 && has(w, kFirstName) && run.before[0] == sign_hash('0')) return 0;
  if (!describes(run, i)) {
    if (!last && (tags[i] == Tag::Other || tags[i] == Tag::Place) && tags[i + 1] == tags[i]) {
      return 0;
    }
    if (i > 0 && tags[i] == Tag::Other && tags[i - 1] == Tag::Other) return 0;
  }
  const bool language =
      (last && i == 0 && asks_for_language(run)) || (last && hash_is_one(run.after, kOfLanguage));
  return language || ends_in_code(s, w.end) ? 0 : 1;
}

}  // namespace capsem::detect
