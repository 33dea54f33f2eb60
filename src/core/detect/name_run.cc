#include "core/detect/name_run.h"

#include "core/detect/name_table.h"

namespace capsem::detect {
namespace {

bool connects(std::string_view s, const Word& w) {
  if (w.shape != WordShape::Lower || w.end - w.begin > 5) return false;
  const std::string_view text = w.text(s);
  return text == "of" || is_particle(text, false);
}

// The next words of a run behind `at`: a capitalised one, perhaps after one or two connectors.
// Returns how many were written; 0: the run ends at `at`.
std::size_t step_forward(std::string_view s, const Word& at, Word* out) {
  Word w = next_word(s, at);
  std::size_t n = 0;
  while (w && n < 3) {
    if (!begins_word(s, w.begin)) return 0;
    out[n++] = w;
    if (w.capital()) return n;
    if (!connects(s, w)) return 0;
    w = next_word(s, w);
  }
  return 0;
}

std::size_t step_back(std::string_view s, const Word& at, Word* out) {
  Word w = previous_word(s, at.begin);
  std::size_t n = 0;
  while (w && n < 3) {
    if (!begins_word(s, w.begin)) return 0;
    out[n++] = w;
    if (w.capital()) return n;
    if (!connects(s, w)) return 0;
    w = previous_word(s, w.begin);
  }
  return 0;
}

constexpr char kTextEdge = '\0', kNumber = '0';

// The token that ends at `end`, as one number; `begin` gets its beginning.
std::uint64_t token_before(std::string_view s, std::size_t end, std::size_t& begin) {
  begin = end;
  if (end == 0) return sign_hash(kTextEdge);
  const std::size_t floor = end > kWordMax ? end - kWordMax : 0;
  while (begin > floor && letter_byte(s[begin - 1])) --begin;
  if (begin < end) return name_hash(s.substr(begin, end - begin));
  begin = end - 1;
  const char c = s[begin];
  if (!is_digit(c)) return sign_hash(c);
  while (begin > floor && is_digit(s[begin - 1])) --begin;
  return sign_hash(kNumber);
}

bool passed_over(char c) {
  return c == ' ' || c == '"' || c == ':' || c == '\t';
}

void read_after(std::string_view s, NameRun& run) {
  std::size_t at = run.end();
  const Word& last = run.words[run.size - 1];
  if (char_at(s, at) == '.' && last.shape == WordShape::Initial) ++at;
  if (at >= s.size()) {
    run.after = sign_hash(kTextEdge);
    return;
  }
  if (s[at] != ' ') {
    run.after = is_digit(s[at]) ? sign_hash(kNumber) : sign_hash(s[at]);
    return;
  }
  ++at;
  std::size_t end = at;
  while (end < s.size() && end - at < kWordMax && letter_byte(s[end])) ++end;
  if (end > at) {
    run.after = name_hash(s.substr(at, end - at));
  } else {
    run.after = digit_at(s, at) ? sign_hash(kNumber) : sign_hash(char_at(s, at));
  }
}

}  // namespace

bool begins_word(std::string_view s, std::size_t p) {
  if (p == 0) return true;
  constexpr std::string_view kCode = "@#$\\_~%&+./-=<";
  if (kCode.find(s[p - 1]) != std::string_view::npos || word_before(s, p)) return false;
  if (s[p - 1] == ':' && p >= 2 && s[p - 2] == ':') return false;
  return s[p - 1] != '\'' || p < 2 || !word_before(s, p - 1);  // the B of "O'Brien"
}

bool ends_in_code(std::string_view s, std::size_t end) {
  const char c = char_at(s, end), next = char_at(s, end + 1);
  if (c == '(' || c == '_' || c == '@' || c == '[' || c == '\\' || c == '=') return true;
  if (c == '.' || c == '/' || c == '-') return (class_of(next) & kWord) != 0;
  return c == ':' && next == ':';
}

void read_run(std::string_view s, std::size_t p, NameRun& run) {
  run.size = 0;
  const Word first = word_at_place(s, p);
  if (!first || !first.capital()) return;
  // Backwards into the end of a buffer, forwards behind it.
  constexpr std::size_t kMiddle = 2 * kRunWords;
  std::array<Word, 4 * kRunWords> words;
  std::size_t begin = kMiddle, end = kMiddle + 1;
  words[kMiddle] = first;
  bool open_front = false, open_back = false;
  Word step[3];
  while (true) {
    const std::size_t n = step_back(s, words[begin], step);
    if (n == 0) break;
    if (kMiddle - begin + n >= kRunWords || p - step[n - 1].begin > kRunBytes) {
      open_front = true;
      break;
    }
    for (std::size_t i = 0; i < n; ++i) words[--begin] = step[i];
  }
  while (true) {
    const std::size_t n = step_forward(s, words[end - 1], step);
    if (n == 0) break;
    if (end - kMiddle + n > kRunWords || step[n - 1].end - p > kRunBytes) {
      open_back = true;
      break;
    }
    for (std::size_t i = 0; i < n; ++i) words[end++] = step[i];
  }
  run.whole = !open_front && !open_back && end - begin <= kRunWords &&
              words[end - 1].end - words[begin].begin <= kRunBytes;
  if (!run.whole) {
    // Its own part: up to three words before the place, the rest behind it.
    if (kMiddle - begin > 3) begin = kMiddle - 3;
    while (!words[begin].capital()) ++begin;
    if (end - begin > kRunWords) end = begin + kRunWords;
    while (!words[end - 1].capital()) --end;
  }
  run.size = end - begin;
  for (std::size_t i = 0; i < run.size; ++i) {
    run.words[i] = words[begin + i];
    look_up(s, run.words[i]);
  }
}

void read_before(std::string_view s, NameRun& run) {
  std::size_t at = run.begin();
  run.opens = at == 0 || s[at - 1] == '\n';
  if (at > 0 && s[at - 1] == ' ') --at;
  run.before[0] = token_before(s, at, at);
  // A key before a value: the signs between are not worth a token.
  for (unsigned n = 0; n < 3 && at > 0 && passed_over(s[at - 1]); ++n) --at;
  run.before[1] = token_before(s, at, at);
  for (const char c : {'.', '!', '?', '\n'}) run.opens = run.opens || run.before[0] == sign_hash(c);
}

void read_context(std::string_view s, NameRun& run) {
  read_before(s, run);
  read_after(s, run);
}

}  // namespace capsem::detect
