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

// All ways at once: reached[i] holds how often part i may have been taken, as bits.
Shape::Next Shape::after(bool letters, std::size_t n) const {
  const CharSet& kind = letters ? kLetters : kDigits;
  std::vector<std::uint64_t> reached(parts_.size() + 1);
  // Where part i may be left, part i + 1 may begin.
  const auto move_on = [&] {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      if (reached[i] >> parts_[i].min != 0) reached[i + 1] |= 1;
    }
  };
  reached[0] = 1;
  move_on();
  for (; n > 0; --n) {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      const std::uint64_t below_max = (std::uint64_t{1} << parts_[i].max) - 1;
      reached[i] = parts_[i].set.meets(kind) ? (reached[i] & below_max) << 1 : 0;
    }
    reached.back() = 0;
    move_on();
  }
  Next next{.possible = false, .nothing = reached.back() != 0, .chars = {}};
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::uint64_t below_max = (std::uint64_t{1} << parts_[i].max) - 1;
    if ((reached[i] & below_max) != 0) next.chars.insert(parts_[i].set);
    next.possible |= reached[i] != 0;
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
