#include "core/detect/injection_places.h"

#include <string>

#include "core/detect/injection_model.h"
#include "core/detect/injection_triggers.h"

namespace capsem::detect::injection {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

std::string bytes(unsigned first, unsigned last) {
  std::string all;
  for (unsigned c = first; c <= last; ++c) all += static_cast<char>(c);
  return all;
}

// The capital of a Cyrillic letter of two bytes, which may be another letter.
std::string cyrillic_capital(std::string_view letter) {
  const auto next = static_cast<unsigned char>(letter[1]);
  if (letter[0] == '\xD0' && next >= 0xB0) return {'\xD0', static_cast<char>(next - 0x20)};
  if (letter[0] == '\xD1' && next <= 0x8F) return {'\xD0', static_cast<char>(next + 0x20)};
  return std::string(letter);
}

// The letter case of ASCII makes no difference to the filter; that of Cyrillic does.
void add_word(TriggerFilter& filter, const std::string& word) {
  filter.add_word(word);
  if (static_cast<unsigned char>(word[0]) < 0xD0) return;
  const std::string first = cyrillic_capital(word.substr(0, 2));
  filter.add_word(first + word.substr(2));
  filter.add_word(first + cyrillic_capital(word.substr(2, 2)) + word.substr(4));
}

bool word_begins(std::string_view s, std::size_t p) {
  return p == 0 || s[p - 1] == '_' || (class_at(s, p - 1) & kWord) == 0;
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

}  // namespace

Places::Places() {
  add_marks();
  add_hidden();
  add_words();
}

void Places::add_marks() {
  filter_.add_bytes(0, "<", std::string(kLetters) + "/!|<\xEF", "");
  filter_.add_bytes(1, "[", "iIsSaAtT/", "");
  filter_.add_bytes(1, "#", "#", "");
  filter_.add_bytes(2, "\"", "rR", "oO");
  filter_.add_bytes(3, "]", "(", "hH/< \n");
  filter_.add_bytes(3, "]", ":", " ");
  filter_.add_bytes(3, "\\", "xXuU0eE", "0139[]");
  filter_.add_bytes(1, "\x1B", "[]P", "");
}

void Places::add_hidden() {
  const std::string follow = bytes(0x80, 0xBF);
  filter_.add_bytes(5, "\xF3", "\xA0", follow);
  filter_.add_bytes(5, "\xEF", "\xB8", bytes(0x80, 0x8F));
  filter_.add_bytes(5, "\xEF", "\xBB\xBE", "\xBF\xA0");
  filter_.add_bytes(5, "\xEF", "\xBF", bytes(0xB0, 0xB8));
  filter_.add_bytes(5, "\xE2", "\x80", bytes(0x8B, 0x8F) + bytes(0xAA, 0xAE));
  filter_.add_bytes(5, "\xE2", "\x81", bytes(0xA0, 0xAF));
  filter_.add_bytes(5, "\xE1\xE3", "\x85", "\xA0\xA4");
  filter_.add_bytes(5, "\xE2", "\xA0", "\x80");
  filter_.add_bytes(5, "\xE1", "\xA0", bytes(0x8B, 0x8F));
  filter_.add_bytes(5, "\xE1", "\x85\x9E", "\x9F\xB4\xB5");
  filter_.add_bytes(5, "\xF0", "\x9B\x9D", "\x85\xB2");
  filter_.add_bytes(5, "\xCD\xD8", "\x8F\x9C", "");
  filter_.add_bytes(5, "\xC2", "\x9B\x9D\xAD", "");
  // A letter of another script with a Latin one before or after it.
  filter_.add_bytes(TriggerFilter::kInsideGroup, bytes(0xC4, 0xD5), follow, "");
  filter_.add_bytes(4, bytes(0xC4, 0xD5), follow, kLetters);
}

void Places::add_words() {
  Vocabulary::get().each_word([&](const std::string& word, WordClasses classes) {
    if (opens_phrase(classes)) add_word(filter_, word);
  });
  const auto add_other = [&](std::string_view word) {
    filter_.add_word(word);
    others_.add(hash_of(plain_word_at(word, 0)));
  };
  for (const std::string& word : disguised_words()) add_other(word);
  for (const std::string_view anchor : LearnedModel::shipped().anchors()) add_other(anchor);
  for (const std::string_view word : {"human", "assistant", "system", "thought", "action"}) {
    add_other(word);  // match_structure()
  }
  for (const std::string_view word : {"etc", "ssh", "aws", "mcp", "kube"}) {
    add_other(word);  // match_paths()
  }
  // The first digits of a byte that spells a letter or a sign.
  for (const std::string_view digits : {"0010", "0011", "0100", "0101", "0110", "0111"}) {
    filter_.add_word(digits);
  }
  for (const std::string_view opener : ideograph_openers()) {
    filter_.add_bytes(5, opener.substr(0, 1), opener.substr(1, 1), opener.substr(2, 1));
  }
}

bool Places::begins_nothing(std::string_view text, std::size_t p) const {
  if (!is_alpha(text[p])) return false;
  const PlainWord word = plain_word_at(text, p);
  // A letter alone may be the first of "i g n o r e".
  if (word.size < 2 || !ends_plainly(text, p + word.size)) return false;
  return !others_.has(hash_of(word)) && !may_begin_phrase(text, p, word);
}

void match_phrase_at(Ahead& text, std::size_t p, Hits& hits) {
  if (word_begins(text.text(), p)) match_phrases(text, p, hits);
  match_ideographs(text, p, hits);
}

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
      if (word_begins(text.text(), p)) match_phrases(text, p, hits);
    } else {
      match_terminal(text, p, hits);
      match_ideographs(text, p, hits);
    }
  }
}

}  // namespace capsem::detect::injection
