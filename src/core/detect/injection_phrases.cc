// What attacks say, as rules over classes of words: "ignore ~3 previous ~2 instruction" is a word
// of the class "ignore", at most three others, and so on, within a sentence. Letter case,
// punctuation and filler words make no difference; nor does the language, where its words are in
// the classes.
#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <vector>

#include "core/detect/injection_triggers.h"
#include "core/detect/injection_words.h"

namespace capsem::detect::injection {
namespace {

struct Rule {
  Sign sign;
  float score;
  std::string_view steps;  // classes; a|b: either; ~n: up to n other words
};

constexpr Rule kRules[] = {
    {Sign::Override, 0.9F, "ignore ~3 previous ~2 instruction"},
    {Sign::Override, 0.85F, "ignore ~3 instruction ~4 previous"},
    {Sign::Override, 0.8F, "ignore ~2 all ~4 told|previous"},
    {Sign::Override, 0.75F, "ignore ~1 all ~2 instruction"},
    {Sign::Override, 0.7F, "ignore ~1 your ~2 instruction"},
    {Sign::Override, 0.55F, "ignore ~1 document"},
    {Sign::Override, 0.7F, "not follow ~3 previous|your ~2 instruction"},
    {Sign::Override, 0.7F, "disable ~1 your ~2 limit|policy"},
    {Sign::Override, 0.7F, "your new instruction"},

    {Sign::Jailbreak, 0.9F, "do anything now"},
    {Sign::Jailbreak, 0.85F, "act ~3 dan"},
    {Sign::Jailbreak, 0.8F, "act|model ~6 developer mode"},
    {Sign::Jailbreak, 0.75F, "developer mode enabled"},
    {Sign::Jailbreak, 0.75F, "unbound ~3 model"},
    {Sign::Jailbreak, 0.7F, "model ~5 unbound|jailbreak"},
    {Sign::Jailbreak, 0.7F, "jailbreak ~4 model"},

    {Sign::NoRestrictions, 0.75F, "answer|model ~6 without ~3 limit"},
    {Sign::NoRestrictions, 0.75F, "not ~3 bound ~6 limit|moral|instruction|openai"},
    {Sign::NoRestrictions, 0.7F, "not ~1 refuse ~5 answer"},
    {Sign::NoRestrictions, 0.7F, "regardless ~6 moral"},
    {Sign::NoRestrictions, 0.6F, "openai ~2 policy"},
    {Sign::NoRestrictions, 0.65F, "you ~3 without ~3 limit|policy"},
    {Sign::NoRestrictions, 0.7F, "not ~2 care ~4 moral|immoral"},
    {Sign::NoRestrictions, 0.65F, "immoral ~3 immoral ~3 answer"},
    {Sign::NoRestrictions, 0.65F, "ignore ~2 moral"},

    {Sign::PromptExtraction, 0.75F, "reveal ~5 system instructions"},
    {Sign::PromptExtraction, 0.75F, "reveal ~1 your ~2 instructions"},
    {Sign::PromptExtraction, 0.65F, "reveal ~2 words ~1 above"},
    {Sign::PromptExtraction, 0.65F, "reveal ~1 above ~1 words|instructions"},
    {Sign::PromptExtraction, 0.7F, "what ~2 your ~1 system|previous ~1 instructions"},

    {Sign::RoleChange, 0.6F, "from now on ~2 you"},
    {Sign::RoleChange, 0.4F, "you willbe now"},
    {Sign::RoleChange, 0.6F, "longer ~1 model"},
    {Sign::RoleChange, 0.55F, "not ~3 admit ~5 model"},

    {Sign::KeepFromUser, 0.75F, "not ~1 tell ~4 user"},
    {Sign::KeepFromUser, 0.7F, "without ~2 user ~1 know"},
    {Sign::ToolOrder, 0.7F, "before use ~1 all ~2 tool"},
    {Sign::ToolOrder, 0.6F, "when ~4 tool ~2 use ~6 must"},
    {Sign::ContentPassing, 0.65F, "pass ~2 contents ~5 asarg ~2 argument"},
    {Sign::DataExfiltration, 0.6F, "send ~6 loot ~4 asarg ~4 away"},

    {Sign::SteeredAnswer, 0.6F, "agent ~2 hearing ~6 must|willbe"},
    {Sign::SteeredAnswer, 0.5F, "modify your ~1 reply"},
    {Sign::SteeredAnswer, 0.4F, "you must use ~3 tool"},
};

// Every class that a rule names exists.
constexpr bool well_formed(std::string_view steps) {
  while (!steps.empty()) {
    const std::size_t end = std::min(steps.find(' '), steps.size());
    if (steps[0] != '~' && classes_named(steps.substr(0, end)) == 0) return false;
    steps.remove_prefix(std::min(steps.size(), end + 1));
  }
  return true;
}
static_assert(std::all_of(std::begin(kRules), std::end(kRules),
                          [](const Rule& rule) { return well_formed(rule.steps); }));

struct Step {
  WordClasses classes;
  unsigned gap;  // other words before it
};

struct Phrase {
  Sign sign;
  float score;
  std::vector<Step> steps;
};

// Rule lines as steps, once.
class Grammar {
 public:
  static const Grammar& get() {
    static const Grammar grammar;
    return grammar;
  }

  WordClasses openers() const { return openers_; }
  // A bit per phrase: those that begin with a word of these classes.
  std::uint64_t begun_by(WordClasses classes) const { return any_of(begun_by_, classes); }
  // Those of which a word of these classes can be the second.
  std::uint64_t continued_by(WordClasses classes) const { return any_of(continued_by_, classes); }
  // The same of a word by its hash, those of other words of the same slot included.
  std::uint64_t begun_by_hash(std::uint64_t hash) const { return by_hash_[slot(hash)].begun; }
  std::uint64_t continued_by_hash(std::uint64_t hash) const {
    return by_hash_[slot(hash)].continued;
  }
  // Those whose second word may be the nth after the first.
  std::uint64_t reaching(std::size_t n) const { return n < reaching_.size() ? reaching_[n] : 0; }

  const Phrase& operator[](unsigned i) const { return phrases_[i]; }

 private:
  Grammar() {
    for (const Rule& rule : kRules) {
      Phrase phrase{rule.sign, rule.score, {}};
      unsigned gap = 0;
      for (std::string_view rest = rule.steps; !rest.empty();) {
        const std::size_t end = std::min(rest.find(' '), rest.size());
        const std::string_view item = rest.substr(0, end);
        rest.remove_prefix(std::min(rest.size(), end + 1));
        if (item[0] == '~') {
          gap = static_cast<unsigned>(item[1] - '0');
        } else {
          phrase.steps.push_back({classes_named(item), gap});
          gap = 0;
        }
      }
      add(std::move(phrase));
    }
    Vocabulary::get().each_word([&](const std::string& word, WordClasses classes) {
      const PlainWord plain = plain_word_at(word, 0);
      by_hash_[slot(hash_of(plain))].begun |= begun_by(classes);
      by_hash_[slot(hash_of(plain))].continued |= continued_by(classes);
    });
  }

  void add(Phrase phrase) {
    const std::uint64_t bit = std::uint64_t{1} << phrases_.size();
    const Step &first = phrase.steps[0], &second = phrase.steps[1];
    openers_ |= first.classes;
    for (std::size_t i = 0; i < begun_by_.size(); ++i) {
      if ((first.classes >> i & 1U) != 0) begun_by_[i] |= bit;
      if ((second.classes >> i & 1U) != 0) continued_by_[i] |= bit;
    }
    for (std::size_t n = 1; n <= second.gap + 1; ++n) reaching_[n] |= bit;
    phrases_.push_back(std::move(phrase));
  }

  using ByClass = std::array<std::uint64_t, 64>;  // a bit per phrase
  static std::uint64_t any_of(const ByClass& phrases, WordClasses classes) {
    std::uint64_t any = 0;
    for (; classes != 0; classes &= classes - 1) {
      any |= phrases[static_cast<unsigned>(std::countr_zero(classes))];
    }
    return any;
  }

  std::vector<Phrase> phrases_;
  WordClasses openers_ = 0;
  ByClass begun_by_{}, continued_by_{};
  struct Slot {
    std::uint64_t begun = 0, continued = 0;
  };
  static constexpr unsigned kHashBits = 11;
  static std::size_t slot(std::uint64_t hash) { return hash >> (64 - kHashBits); }
  std::array<Slot, std::size_t{1} << kHashBits> by_hash_{};
  std::array<std::uint64_t, 11> reaching_{};  // a gap has one digit
  static_assert(std::size(kRules) <= 64);
};

// The words of a sentence from one place on, read as far as a rule needs them: what is not read
// need not have arrived.
class Sentence {
 public:
  Sentence(Ahead& text, const ClassedWord& first) : text_(text) {
    classes_[0] = first.classes;
    ends_[0] = first.end;
    size_ = 1;
  }

  // Reads on until there are `count` words or the sentence ends.
  void read(std::size_t count) {
    while (size_ < count && !over_) {
      const ClassedWord word = next_classed_word(text_, ends_[size_ - 1]);
      over_ = word.end == 0;
      if (over_) return;
      classes_[size_] = word.classes;
      ends_[size_++] = word.end;
    }
  }

  // Of the words in `places`, those of any of `classes`.
  std::uint32_t among(std::uint32_t places, WordClasses classes) {
    if (places == 0) return 0;
    read(static_cast<std::size_t>(std::bit_width(places)));
    std::uint32_t found = 0;
    for (std::uint32_t rest = places; rest != 0; rest &= rest - 1) {
      const auto i = static_cast<std::size_t>(std::countr_zero(rest));
      if (i < size_ && (classes_[i] & classes) != 0) found |= 1U << i;
    }
    return found;
  }

  // Whether there is an ith word, and its classes.
  bool reaches(std::size_t i) {
    read(i + 1);
    return i < size_;
  }
  WordClasses classes_of(std::size_t i) const { return classes_[i]; }
  std::size_t end_of(std::size_t i) const { return ends_[i]; }

 private:
  static constexpr std::size_t kWords = 32;  // as places have bits

  Ahead& text_;
  std::array<WordClasses, kWords> classes_;
  std::array<std::size_t, kWords> ends_;
  std::size_t size_ = 0;
  bool over_ = false;
};

// The end of the phrase that begins with the sentence's first word; 0: it does not. A word that
// could begin the phrase itself is not skipped: the phrase is found there.
std::size_t end_of_phrase(const Phrase& phrase, Sentence& sentence) {
  std::uint32_t at = 1;
  const WordClasses first = phrase.steps.front().classes;
  for (std::size_t s = 1; s < phrase.steps.size(); ++s) {
    std::uint32_t found = 0;
    at <<= 1U;
    for (unsigned skipped = 0; at != 0; ++skipped) {
      found |= sentence.among(at, phrase.steps[s].classes);
      if (skipped == phrase.steps[s].gap) break;
      at = (at & ~sentence.among(at, first)) << 1U;
    }
    at = found;
    if (at == 0) return 0;
  }
  return sentence.end_of(static_cast<std::size_t>(std::countr_zero(at)));
}

// The words behind a place by their letters, as far as they end plainly; what stands between them
// makes no difference.
class WordWalk {
 public:
  WordWalk(std::string_view text, std::size_t p) : text_(text) { look_at(p); }

  // Goes on to the next word. False: there is none, or nobody can tell yet where it ends.
  bool next() { return find() || (behind_ != 0 && look_at(begin_ + behind_) && find()); }
  std::uint64_t hash() const {
    return hash_of(internal::eight_at(text_, begin_ + word_), behind_ - word_);
  }
  // Whether all the words so far are what they seem.
  bool plain() const { return (joined_ | joined_here()) == 0; }

 private:
  // Up to and with what ends the word.
  std::uint64_t joined_here() const { return masks_.joins & ((std::uint64_t{2} << behind_) - 1); }

  bool look_at(std::size_t p) {
    if (text_.size() < kWordMaskBytes || p >= text_.size()) return false;
    joined_ |= joined_here();
    begin_ = p;
    const std::size_t block = std::min(p, text_.size() - kWordMaskBytes);
    masks_ = word_masks(text_.data() + block);
    if (const std::size_t moved = p - block; moved > 0) {
      // The end of the text is no word's end: more may come.
      masks_.alnum = masks_.alnum >> moved | ~std::uint64_t{0} << (kWordMaskBytes - moved);
      masks_.joins >>= moved;
    }
    rest_ = masks_.alnum;
    word_ = behind_ = 0;
    return true;
  }
  bool find() {
    const std::uint64_t others = rest_ + (rest_ & -rest_);  // carries over the first word's bits
    if (others == 0) return false;                          // none, or it goes on behind the masks
    word_ = static_cast<unsigned>(std::countr_zero(rest_));
    behind_ = static_cast<unsigned>(std::countr_zero(others));
    rest_ &= others;
    return true;
  }

  std::string_view text_;
  WordMasks masks_;
  std::size_t begin_ = 0;   // of what the masks show
  std::uint64_t rest_ = 0;  // of masks_.alnum: what next() has not come to
  std::uint64_t joined_ = 0;
  unsigned word_ = 0, behind_ = 0;  // where the word is in the masks
};

// Of the phrases in `begun`, those whose second word is where it may be: next to none of those that
// the first word begins. No more words are read for it than end_of_phrase() would.
std::uint64_t still_possible(const Grammar& grammar, std::uint64_t begun, Sentence& sentence) {
  std::uint64_t possible = 0;
  for (std::size_t i = 1; (begun &= grammar.reaching(i)) != 0 && sentence.reaches(i); ++i) {
    const WordClasses classes = sentence.classes_of(i);
    if (classes == 0) continue;
    possible |= begun & grammar.continued_by(classes);
    begun &= ~grammar.begun_by(classes);
  }
  return possible;
}

}  // namespace

bool opens_phrase(WordClasses classes) {
  return (classes & Grammar::get().openers()) != 0;
}

// Next to none of the phrases that common words begin go on: as many words are looked at as may be
// the second, by their letters alone.
bool may_begin_phrase(std::string_view text, std::size_t p, const PlainWord& word) {
  const Grammar& grammar = Grammar::get();
  WordWalk words(text, p + word.size);
  std::uint64_t begun = grammar.begun_by_hash(hash_of(word)), found = 0;
  for (std::size_t n = 1; (begun &= grammar.reaching(n)) != 0; ++n) {
    if (!words.next()) return true;
    found |= begun & grammar.continued_by_hash(words.hash());
  }
  return found != 0 || !words.plain();
}

void match_phrases(Ahead& text, std::size_t p, Hits& hits) {
  const Grammar& grammar = Grammar::get();
  const ClassedWord word = classed_word_at(text, p);
  const std::uint64_t begun = grammar.begun_by(word.classes);
  if (begun == 0) return;
  Sentence sentence(text, word);
  std::uint64_t possible = still_possible(grammar, begun, sentence);
  for (; possible != 0; possible &= possible - 1) {
    const Phrase& phrase = grammar[static_cast<unsigned>(std::countr_zero(possible))];
    if (const std::size_t end = end_of_phrase(phrase, sentence); end != 0) {
      hits.add(phrase.sign, phrase.score, end);
    }
  }
}

}  // namespace capsem::detect::injection
