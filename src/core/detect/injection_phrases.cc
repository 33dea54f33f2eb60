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
  // Calls visit(phrase) for those that begin with a word of these classes.
  template <class Visit>
  void each_begun_by(WordClasses classes, Visit visit) const {
    std::uint64_t begun = 0;
    for (WordClasses rest = classes & openers_; rest != 0; rest &= rest - 1) {
      begun |= begun_by_[static_cast<unsigned>(std::countr_zero(rest))];
    }
    for (; begun != 0; begun &= begun - 1) {
      visit(phrases_[static_cast<unsigned>(std::countr_zero(begun))]);
    }
  }

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
      const WordClasses first = phrase.steps.front().classes;
      openers_ |= first;
      for (std::size_t i = 0; i < begun_by_.size(); ++i) {
        if ((first >> i & 1U) != 0) begun_by_[i] |= std::uint64_t{1} << phrases_.size();
      }
      phrases_.push_back(std::move(phrase));
    }
  }

  std::vector<Phrase> phrases_;
  WordClasses openers_ = 0;
  std::array<std::uint64_t, 64> begun_by_{};  // by class: a bit per phrase
  static_assert(std::size(kRules) <= 64);
};

// The words of a sentence from one place on, read as far as a rule needs them: what is not read
// need not have arrived.
class Sentence {
 public:
  Sentence(Ahead& text, const Word& first, WordClasses classes) : text_(text) {
    classes_[0] = classes;
    ends_[0] = first.end;
    size_ = 1;
  }

  // Reads on until there are `count` words or the sentence ends.
  void read(std::size_t count) {
    while (size_ < count && !over_) {
      bool stop = false;
      const std::size_t p = next_word(text_, ends_[size_ - 1], stop);
      const Word word = stop ? Word{} : word_at(text_, p);
      over_ = word.size == 0;
      if (over_) return;
      classes_[size_] = Vocabulary::get().classes(word.view(), word.capitals);
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

}  // namespace

bool opens_phrase(WordClasses classes) {
  return (classes & Grammar::get().openers()) != 0;
}

void match_phrases(Ahead& text, std::size_t p, Hits& hits) {
  const Word word = word_at(text, p);
  const WordClasses classes = Vocabulary::get().classes(word.view(), word.capitals);
  if (!opens_phrase(classes)) return;
  Sentence sentence(text, word, classes);
  Grammar::get().each_begun_by(classes, [&](const Phrase& phrase) {
    if (const std::size_t end = end_of_phrase(phrase, sentence); end != 0) {
      hits.add(phrase.sign, phrase.score, end);
    }
  });
}

}  // namespace capsem::detect::injection
