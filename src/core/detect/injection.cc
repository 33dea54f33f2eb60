// One pass: a filter finds triggers, the recognizers look at each, and the first that would have to
// read text which has not arrived is where the decided text ends.
#include "core/detect/injection.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "core/detect/injection_filter.h"
#include "core/detect/injection_model.h"
#include "core/detect/injection_scan.h"
#include "core/detect/injection_triggers.h"

namespace capsem::detect {
namespace {

using injection::Ahead;
using injection::Hit;
using injection::Hits;
using injection::kSignCount;
using injection::TriggerFilter;

constexpr std::array<Kind, kSignCount> kKinds = {{
    {"unicode-tags", "hidden-text", 0.95F},
    {"variation-selectors", "hidden-text", 0.95F},
    {"invisible-bits", "hidden-text", 0.95F},
    {"zero-width-split", "obfuscation", 0.7F},
    {"bidi-override", "obfuscation", 0.8F},
    {"blank-fillers", "obfuscation", 0.6F},
    {"mixed-script", "obfuscation", 0.5F},
    {"homoglyph-word", "obfuscation", 0.85F},
    {"rot13-text", "obfuscation", 0.85F},
    {"reversed-text", "obfuscation", 0.85F},
    {"spaced-letters", "obfuscation", 0.8F},
    {"binary-text", "obfuscation", 0.6F},
    {"hidden-html", "obfuscation", 0.8F},
    {"chat-template", "structure", 0.9F},
    {"role-header", "structure", 0.6F},
    {"tool-call-forgery", "structure", 0.6F},
    {"image-exfiltration", "exfiltration", 0.9F},
    {"link-exfiltration", "exfiltration", 0.6F},
    {"data-exfiltration", "exfiltration", 0.6F},
    {"terminal-escape", "terminal", 0.8F},
    {"terminal-escape-spelled", "terminal", 0.4F},
    {"learned-attack", "model", 0.85F},
    {"important-tag", "tool-poisoning", 0.8F},
    {"keep-from-user", "tool-poisoning", 0.75F},
    {"tool-order", "tool-poisoning", 0.7F},
    {"sensitive-path", "tool-poisoning", 0.55F},
    {"content-passing", "tool-poisoning", 0.65F},
    {"override", "phrase", 0.9F},
    {"jailbreak", "phrase", 0.9F},
    {"no-restrictions", "phrase", 0.75F},
    {"prompt-extraction", "phrase", 0.75F},
    {"role-change", "phrase", 0.6F},
    {"steered-answer", "phrase", 0.6F},
}};

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::string bytes(unsigned first, unsigned last) {
  std::string all;
  for (unsigned c = first; c <= last; ++c) all += static_cast<char>(c);
  return all;
}

void add_marks(TriggerFilter& filter) {
  filter.add_bytes(0, "<", std::string(kLetters) + "/!|<\xEF", "");
  filter.add_bytes(0, "[", "iIsSaAtT/", "");
  filter.add_bytes(0, "#", "#", "");
  filter.add_bytes(1, "\"", "rR", "oO");
  filter.add_bytes(1, "]", "(", "hH/< \n");
  filter.add_bytes(1, "]", ":", " ");
  filter.add_bytes(1, "\\", "xXuU0eE", "0139[]");
  filter.add_bytes(1, "\x1B", "[]P", "");
}

void add_hidden(TriggerFilter& filter) {
  const std::string follow = bytes(0x80, 0xBF);
  filter.add_bytes(2, "\xF3", "\xA0", follow);
  filter.add_bytes(2, "\xEF", "\xB8", bytes(0x80, 0x8F));
  filter.add_bytes(2, "\xEF", "\xBB\xBE", "\xBF\xA0");
  filter.add_bytes(2, "\xEF", "\xBF", bytes(0xB0, 0xB8));
  filter.add_bytes(2, "\xE2", "\x80", bytes(0x8B, 0x8F) + bytes(0xAA, 0xAE));
  filter.add_bytes(2, "\xE2", "\x81", bytes(0xA0, 0xAF));
  filter.add_bytes(2, "\xE1\xE3", "\x85", "\xA0\xA4");
  filter.add_bytes(2, "\xE2", "\xA0", "\x80");
  filter.add_bytes(2, "\xE1", "\xA0", bytes(0x8B, 0x8F));
  filter.add_bytes(2, "\xE1", "\x85\x9E", "\x9F\xB4\xB5");
  filter.add_bytes(2, "\xF0", "\x9B\x9D", "\x85\xB2");
  filter.add_bytes(2, "\xCD\xD8", "\x8F\x9C", "");
  filter.add_bytes(2, "\xC2", "\x9B\x9D\xAD", "");
  // A letter of another script with a Latin one before or after it.
  filter.add_bytes(TriggerFilter::kInsideGroup, bytes(0xC4, 0xD5), follow, "");
  filter.add_bytes(2, bytes(0xC4, 0xD5), follow, kLetters);
}

// A word in lower case and, where its first letter is Cyrillic, with a capital.
void add_word(TriggerFilter& filter, std::string word) {
  if (word.size() < 3) return;
  filter.add_word(word);
  if (word[0] != '\xD0' || static_cast<unsigned char>(word[1]) < 0xB0) return;
  word[1] = static_cast<char>(word[1] - 0x20);
  filter.add_word(word);
}

void add_words(TriggerFilter& filter) {
  injection::Vocabulary::get().each_word(
      [&](const std::string& word, injection::WordClasses classes) {
        if (injection::opens_phrase(classes)) add_word(filter, word);
      });
  for (const std::string& word : injection::disguised_words()) add_word(filter, word);
  for (const std::string_view anchor : injection::LearnedModel::shipped().anchors()) {
    add_word(filter, std::string(anchor));
  }
  for (const std::string_view opener : injection::ideograph_openers()) {
    filter.add_bytes(2, opener.substr(0, 1), opener.substr(1, 1), opener.substr(2, 1));
  }
  for (const std::string_view word :
       {"do anything", "human", "assistant", "system", "thought:", "action ", "etc/", "ssh/",
        "aws/", "mcp.", "kube/", "0100", "0101", "0110", "0111"}) {
    add_word(filter, std::string(word));
  }
  // The words that match_spelling() knows letter by letter begin with one of these pairs.
  for (const std::string_view pair :
       {"ig", "di", "fo", "ov", "by", "sy", "re", "pr", "in", "pa", "se", "te", "wh"}) {
    for (const char separator : {' ', '.', '-', '_', '*', '/', '|', ','}) {
      filter.add_word(std::string{pair[0], separator, pair[1], separator});
    }
  }
}

TriggerFilter make_filter() {
  TriggerFilter filter;
  add_marks(filter);
  add_hidden(filter);
  add_words(filter);
  return filter;
}

bool word_begins(std::string_view s, std::size_t p) {
  return p == 0 || s[p - 1] == '_' || (class_at(s, p - 1) & kWord) == 0;
}

void match_phrase_at(Ahead& text, std::size_t p, Hits& hits) {
  if (word_begins(text.text(), p)) match_phrases(text, p, hits);
  match_ideographs(text, p, hits);
}

// First letters of the words that match_structure() and match_paths() know.
constexpr std::string_view kLineOpeners = "hast", kPathOpeners = "seamk";

void match_word(Ahead& text, std::size_t p, Hits& hits) {
  if (!word_begins(text.text(), p)) return;
  match_phrases(text, p, hits);
  match_spelling(text, p, hits);
  match_learned(text, p, hits);
  const char c = fold(text.text()[p]);
  if (kLineOpeners.find(c) != std::string_view::npos) match_structure(text, p, hits);
  if (kPathOpeners.find(c) != std::string_view::npos) match_paths(text, p, hits);
}

// Everything that can be said of the place p.
void match_at(Ahead& text, std::size_t p, Hits& hits) {
  const char c = text.text()[p];
  const auto byte = static_cast<unsigned char>(c);
  if (is_alnum(c)) {
    match_word(text, p, hits);
  } else if (c == '<') {
    match_structure(text, p, hits);
    match_markup(text, p, hits);
    match_links(text, p, hits);
  } else if (c == '[' || c == '#' || c == '"') {
    match_structure(text, p, hits);
  } else if (c == ']') {
    match_links(text, p, hits);
  } else if (c == '\\' || c == '\x1B') {
    match_terminal(text, p, hits);
  } else if (byte >= 0xC2) {
    match_hidden(text, p, hits);
    if (byte >= 0xC3 && byte <= 0xDF) {
      match_mixed_script(text, p, hits);
      match_word(text, p, hits);
    } else {
      match_terminal(text, p, hits);
      match_ideographs(text, p, hits);
    }
  }
}

class InjectionDetector final : public Detector {
 public:
  explicit InjectionDetector(const KindOptions& options)
      : options_(options), filter_(make_filter()) {}

  std::unique_ptr<Scratch> make_scratch() const override { return std::make_unique<Scratch>(); }

  Result<std::size_t> scan(const Window& window, Scratch& /*scratch*/,
                           std::vector<Finding>& findings) const override {
    const char* text = window.text.data();
    std::size_t begin = 0;
    if (const void* last = window.from == 0 ? nullptr : memrchr(text, '\0', window.from)) {
      begin = static_cast<std::size_t>(static_cast<const char*>(last) - text) + 1;
    }
    for (;;) {
      const std::size_t from = std::max(begin, window.from);
      const std::size_t nul = window.text.find('\0', from);
      const bool complete = nul != std::string_view::npos;
      const std::size_t end = complete ? nul : window.text.size();
      const std::size_t decided =
          scan_text(window.text.substr(begin, end - begin), from - begin, !complete && !window.last,
                    window.base + begin, findings);
      if (!complete) return begin + decided;
      begin = nul + 1;
    }
  }

 private:
  // One text without NUL, from `from` on. Returns the place up to which it is decided.
  std::size_t scan_text(std::string_view s, std::size_t from, bool open, std::uint64_t base,
                        std::vector<Finding>& findings) const {
    for (std::size_t p = filter_.next(s, from); p < s.size(); p = filter_.next(s, p + 1)) {
      Ahead text(s, open, p);
      Hits hits;
      match_at(text, p, hits);
      const std::size_t known = findings.size();
      for (const Hit& hit : hits) {
        const RuleId rule = options_.rules[static_cast<std::size_t>(hit.sign)];
        if (rule == KindOptions::kUnwanted || hit.score < options_.score_min) continue;
        if (is_covered(text, p, hit)) continue;
        findings.push_back({rule, hit.score, base + p, base + hit.end});
      }
      if (text.touched()) {
        findings.resize(known);
        return p;
      }
    }
    return s.size();
  }

  // Phrases may hold others of their sign. The higher scored stays, or else the outer one.
  bool is_covered(Ahead& text, std::size_t p, const Hit& hit) const {
    if (hit.sign < injection::Sign::KeepFromUser || hit.sign == injection::Sign::SensitivePath) {
      return false;
    }
    const auto beats = [&](std::size_t q, bool outside) {
      Hits others;
      match_phrase_at(text, q, others);
      return std::any_of(others.begin(), others.end(), [&](const Hit& other) {
        if (other.sign != hit.sign) return false;
        return outside ? other.end >= hit.end && other.score >= hit.score
                       : other.end <= hit.end && other.score > hit.score;
      });
    };
    const std::string_view s = text.text();
    std::size_t q = injection::floor_of(p, kOutsideMax);
    for (q = filter_.next(s, q); q < p; q = filter_.next(s, q + 1)) {
      if (beats(q, true)) return true;
    }
    for (q = filter_.next(s, p + 1); q < hit.end; q = filter_.next(s, q + 1)) {
      if (beats(q, false)) return true;
    }
    return false;
  }

  // A phrase's words and what stands between them are shorter; one byte more tells where they
  // begin.
  static constexpr std::size_t kOutsideMax = kLookBehind - 8;

  const KindOptions options_;
  const TriggerFilter filter_;
};

}  // namespace

std::span<const Kind> injection_kinds() {
  return kKinds;
}

std::unique_ptr<const Detector> make_injection_detector(const KindOptions& options) {
  return std::make_unique<InjectionDetector>(options);
}

}  // namespace capsem::detect
