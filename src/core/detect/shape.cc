#include "core/detect/shape.h"

#include <algorithm>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

void insert_both_cases(CharSet& set, char c) {
  set.insert(c);
  if (is_upper(c)) set.insert(static_cast<char>(c | 0x20));
}

CharSet range(char first, char last) {
  CharSet set;
  for (char c = first;; ++c) {
    insert_both_cases(set, c);
    if (c == last) return set;
  }
}

const CharSet kDigits = range('0', '9');
const CharSet kLetters = range('A', 'Z');

CharSet alnum() {
  CharSet set = range('0', '9');
  for (char c = 'A'; c <= 'Z'; ++c) insert_both_cases(set, c);
  return set;
}

// The set between the brackets at text[at]; `at` moves to the closing one.
CharSet bracket_set(std::string_view text, std::size_t& at) {
  CharSet set;
  for (++at; text[at] != ']'; ++at) {
    if (text[at + 1] == '-' && text[at + 2] != ']') {
      for (char c = text[at]; c <= text[at + 2]; ++c) insert_both_cases(set, c);
      at += 2;
    } else {
      insert_both_cases(set, text[at]);
    }
  }
  return set;
}

std::uint8_t number(std::string_view text, std::size_t& at) {
  unsigned value = 0;
  while (digit_at(text, at)) value = value * 10 + static_cast<unsigned>(text[at++] - '0');
  return static_cast<std::uint8_t>(value);
}

}  // namespace

Shape::Shape(std::string_view text) {
  const auto add = [this](const CharSet& set) { parts_.push_back({set}); };
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (c == '?') {
      parts_.back().min = 0;
      ++at;
      continue;
    }
    if (c == '*') {
      ++at;
      parts_.back().min = parts_.back().max = number(text, at);
      if (char_at(text, at) == '~') parts_.back().max = number(text, ++at);
      continue;
    }
    if (c == '{') {
      for (++at; text[at] != '}'; ++at) add(range(text[at], text[at]));
    } else if (c == '[') {
      add(bracket_set(text, at));
    } else if (c == '9') {
      add(range('0', '9'));
    } else if (c == 'A') {
      add(range('A', 'Z'));
    } else if (c == 'X') {
      add(alnum());
    } else {
      add(range(c, c));
    }
    ++at;
  }
  join_equal_parts();
  for (const Part& part : parts_) {
    size_min_ += part.min;
    size_max_ += part.max;
    any_.insert(part.set);
  }
  for (const Part& part : parts_) {
    first_.insert(part.set);
    if (part.min > 0) break;
  }
}

// "999" is "9*3": one part to compare where there were three.
void Shape::join_equal_parts() {
  std::vector<Part> joined;
  for (const Part& part : parts_) {
    const bool same = !joined.empty() && joined.back().set == part.set &&
                      joined.back().min == joined.back().max && part.min == part.max;
    if (same) {
      joined.back().min = joined.back().max =
          static_cast<std::uint8_t>(part.min + joined.back().min);
    } else {
      joined.push_back(part);
    }
  }
  parts_ = std::move(joined);
}

bool Shape::fit_from(std::string_view s, std::size_t p, std::size_t part, Fit& fit) const {
  for (; part < parts_.size(); ++part) {
    const Part& here = parts_[part];
    std::size_t n = 0;
    while (n < here.max && p + n < s.size() && here.set.has(s[p + n])) ++n;
    if (n < here.max && p + n == s.size()) fit.open = true;
    if (n < here.min) return false;
    // What a part took beyond its minimum it may give back to later ones.
    for (; n > here.min; --n) {
      if (fit_from(s, p + n, part + 1, fit)) return true;
    }
    p += n;
  }
  if (p == s.size()) fit.open = true;
  if (word_at(s, p)) return false;
  fit.end = p;
  return true;
}

Shape::Fit Shape::fit(std::string_view s, std::size_t p) const {
  Fit fit;
  fit_from(s, p, 0, fit);
  return fit;
}

Shape::RunBounds Shape::run(bool letters) const {
  const CharSet& kind = letters ? kLetters : kDigits;
  const CharSet& other = letters ? kDigits : kLetters;
  RunBounds bounds;
  bool certain = true;
  for (const Part& part : parts_) {
    const bool can = part.set.meets(kind);
    if (!can && part.min > 0) break;
    if (!can) {
      certain = false;  // a separator that may be missing
      continue;
    }
    if (part.set.meets(other) || part.min == 0) certain = false;
    if (certain) bounds.min += part.min;
    bounds.max += part.max;
    if (part.min != part.max) certain = false;
  }
  bounds.min = std::max<std::size_t>(bounds.min, 1);
  return bounds;
}

namespace {
// Bits below that of `max` times.
std::uint64_t below(unsigned max) {
  return (std::uint64_t{1} << max) - 1;
}
}  // namespace

// All ways at once.
std::vector<std::uint64_t> Shape::reached(const CharSet& kind, std::size_t n, bool every) const {
  std::vector<std::uint64_t> taken(parts_.size() + 1);
  // Where part i may be left, part i + 1 may begin.
  const auto move_on = [&] {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (taken[i] >> parts_[i].min != 0) taken[i + 1] |= 1;
    }
  };
  taken[0] = 1;
  move_on();
  for (std::size_t at = 0; at < n; ++at) {
    // The first character is known to be one of first().
    const bool all = every && (at > 0 || parts_[0].min == 0);
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const bool takes = all ? parts_[i].set.holds(kind) : parts_[i].set.meets(kind);
      taken[i] = takes ? (taken[i] & below(parts_[i].max)) << 1 : 0;
    }
    taken.back() = 0;
    move_on();
  }
  return taken;
}

Shape::Next Shape::after(bool letters, std::size_t n) const {
  const CharSet& kind = letters ? kLetters : kDigits;
  const std::vector<std::uint64_t> taken = reached(kind, n, false);
  Next next{.possible = false,
            .nothing = taken.back() != 0,
            .any = reached(kind, n, true).back() != 0,
            .chars = {}};
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if ((taken[i] & below(parts_[i].max)) != 0) next.chars.insert(parts_[i].set);
    next.possible |= taken[i] != 0;
  }
  next.possible |= next.nothing;
  return next;
}

bool Shape::crosses_words() const {
  bool gap = false, letters = false;
  for (const Part& part : parts_) {
    gap |= part.set.has(' ');
    letters |= part.set.meets(kLetters);
  }
  return gap && letters;
}

bool Shape::digit_in_first_token() const {
  for (const Part& part : parts_) {
    if (!part.set.meets(kLetters) && !part.set.meets(kDigits)) return false;
    if (part.min > 0 && !part.set.meets(kLetters)) return true;
  }
  return true;
}

}  // namespace capsem::detect
