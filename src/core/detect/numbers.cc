#include "core/detect/numbers.h"

#include <algorithm>
#include <array>

#include "core/detect/checksum.h"

namespace capsem::detect {
namespace {

// Digits with at most one separator between two of them.
struct Digits {
  std::array<char, 20> digit;
  std::array<bool, 20> gap;  // a separator stands before this digit
  std::array<std::size_t, 20> at;
  std::size_t size = 0;

  std::string_view view(std::size_t n) const { return {digit.data(), n}; }
  // Separators stand before digit a and nowhere else in (begin, end).
  bool grouped(std::size_t begin, std::size_t end) const {
    return std::none_of(gap.begin() + static_cast<std::ptrdiff_t>(begin) + 1,
                        gap.begin() + static_cast<std::ptrdiff_t>(end), [](bool g) { return g; });
  }
};

Digits collect_card_digits(std::string_view s, std::size_t p) {
  Digits d;
  bool gap = false;
  while (d.size < d.digit.size()) {
    if (digit_at(s, p)) {
      d.digit[d.size] = s[p];
      d.gap[d.size] = gap;
      d.at[d.size++] = p++;
      gap = false;
    } else if ((char_at(s, p) == ' ' || char_at(s, p) == '-') && digit_at(s, p + 1) && !gap) {
      gap = true;
      ++p;
    } else {
      break;
    }
  }
  return d;
}

unsigned prefix(const Digits& d, std::size_t n) {
  unsigned value = 0;
  for (std::size_t i = 0; i < n; ++i) value = value * 10 + static_cast<unsigned>(d.digit[i] - '0');
  return value;
}

// Issuer ranges by the number's length (ISO/IEC 7812). Presidio's leading digits 1, 3, 4, 50-55
// and 6 at 13 to 17 digits, and what they miss: Mastercard's 2-series, 12 and 18-19 digits.
bool issuer_ok(const Digits& d, std::size_t n) {
  const unsigned two = prefix(d, 2), four = prefix(d, 4);
  const char first = d.digit[0];
  const bool maestro = two == 50 || (two >= 56 && two <= 69);
  if (n == 12) return maestro;
  if (n >= 18) return maestro || first == '4' || two == 35 || two == 62;
  if (n == 15 && (four == 2131 || four == 1800)) return true;  // JCB
  if (first == '2') return n == 16 && four >= 2221 && four <= 2720;
  if (first == '1') return n != 13;  // 13 digits from 1: milliseconds since 1970
  if (first == '5') return two <= 59;
  return first == '3' || first == '4' || first == '6';
}

bool card_at(const Digits& d, std::size_t n, std::string_view s) {
  return n <= d.size && !word_at(s, d.at[n - 1] + 1) && issuer_ok(d, n) && luhn_ok(d.view(n));
}

// Groups of 4, 3-4, 3-4 and the rest, each gap optional; 4-4-4-4-3 for 19 digits.
bool layout_ok(const Digits& d, std::size_t n) {
  if (!d.grouped(0, 4)) return false;
  if (n == 12 || n >= 18) {
    if (d.grouped(0, n)) return true;
    for (std::size_t i = 4; i < n; ++i) {
      if (d.gap[i] != (i % 4 == 0)) return false;
    }
    return true;
  }
  for (std::size_t b = 3; b <= 6; ++b) {
    for (std::size_t c = 3; c <= 5; ++c) {
      const std::size_t rest = 4 + b + c;
      if (b > 4 && c + 4 + b != n) continue;  // 4-6-5 and 4-6-4 have three groups
      if (rest > n || n - rest > 5) continue;
      if (rest != n && n - rest < 3) continue;
      if (d.grouped(4, 4 + b) && d.grouped(4 + b, rest) && (rest == n || d.grouped(rest, n))) {
        return true;
      }
    }
  }
  return false;
}

Match card_from(std::string_view s, std::size_t p) {
  if (s[p] < '1' || s[p] > '6') return {};
  const Digits d = collect_card_digits(s, p);
  if (d.size < 12) return {};
  for (std::size_t n = std::min<std::size_t>(d.size, 19); n >= 12; --n) {
    if (n < d.size && !d.gap[n]) continue;  // amid digits
    if (card_at(d, n, s) && layout_ok(d, n)) return {d.at[n - 1] + 1, 1.0F};
  }
  return {};
}

}  // namespace

Match match_credit_card(std::string_view s, std::size_t p) {
  const Match match = card_from(s, p);
  if (!match) return match;
  // A group inside a longer number whose check digit happens to fit.
  std::size_t q = p;
  for (unsigned groups = 0; groups < 4; ++groups) {
    if (q < 2 || (s[q - 1] != ' ' && s[q - 1] != '-') || !is_digit(s[q - 2])) break;
    const std::size_t group_end = q - 1;
    q = group_end;
    while (q > 0 && is_digit(s[q - 1]) && group_end - q < 20) --q;
    if (word_before(s, q)) break;
    if (card_from(s, q).end >= match.end) return {};
  }
  return match;
}

Match match_us_ssn(std::string_view s, std::size_t p) {
  const std::size_t a = digits_end(s, p) - p;
  std::array<char, 9> d;
  std::size_t n = 0, end = p;
  const auto take = [&](std::size_t from, std::size_t count) {
    for (std::size_t i = 0; i < count && n < d.size(); ++i) d[n++] = s[from + i];
    end = from + count;
  };
  float score = 0.05F;
  if (a == 9) {
    take(p, 9);
  } else if ((a == 5 || a == 3) && char_at(s, p + a) != '\0') {
    const char gap = s[p + a];
    if (gap != '-' && gap != '.' && gap != ' ') return {};
    const std::size_t second = p + a + 1;
    const std::size_t b = digits_end(s, second) - second;
    take(p, a);
    if (a == 5 && b == 4 && gap == '-') {
      take(second, 4);
    } else if (a == 3 && b == 6 && gap == '-') {
      take(second, 6);
    } else if (a == 3 && b == 2 && char_at(s, second + 2) == gap) {
      if (digits_end(s, second + 3) - (second + 3) != 4) return {};
      take(second, 2);
      take(second + 3, 4);
      score = 0.5F;
    } else {
      return {};
    }
  } else {
    return {};
  }
  if (word_at(s, end)) return {};
  const std::string_view number(d.data(), d.size());
  const bool all_equal = number.find_first_not_of(number[0]) == std::string_view::npos;
  if (all_equal || number.substr(3, 2) == "00" || number.substr(5) == "0000") return {};
  for (const std::string_view never : {"000", "666", "123456789", "98765432", "078051120"}) {
    if (number.starts_with(never)) return {};
  }
  return {end, score};
}

Match match_us_bank_number(std::string_view s, std::size_t p) {
  const std::size_t end = digits_end(s, p);
  if (end - p < 8 || end - p > 17 || word_at(s, end)) return {};
  return {end, 0.05F};
}

Match match_us_passport(std::string_view s, std::size_t p, std::size_t end) {
  if (end - p != 9) return {};
  const bool letter = is_alpha(s[p]);
  for (std::size_t i = p + (letter ? 1 : 0); i < end; ++i) {
    if (!is_digit(s[i])) return {};
  }
  return {end, letter ? 0.1F : 0.05F};
}

namespace {

// The token as runs: "A12B" is one letter, two digits, one letter.
struct Runs {
  std::array<std::uint8_t, 5> length{};
  std::size_t count = 0;
  bool letters_first = false;
  bool is(bool letters, std::initializer_list<unsigned> lengths) const {
    return letters == letters_first && lengths.size() == count &&
           std::equal(lengths.begin(), lengths.end(), length.begin());
  }
};

bool split_runs(std::string_view token, Runs& runs) {
  runs.letters_first = is_alpha(token[0]);
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (i == 0 || is_alpha(token[i]) != is_alpha(token[i - 1])) {
      if (runs.count == runs.length.size()) return false;
      ++runs.count;
    }
    ++runs.length[runs.count - 1];
  }
  return true;
}

}  // namespace

// The forms of the states' licences that hold letters: see the table of AAMVA's public list.
Match match_us_driver_license(std::string_view s, std::size_t p, std::size_t end) {
  const std::size_t size = end - p;
  if (size < 2 || size > 19) return {};
  Runs r;
  if (!split_runs(s.substr(p, size), r)) return {};
  const auto one = r.length[0], two = r.length[1];
  if (r.count == 1) {
    if (r.letters_first || !((one >= 6 && one <= 14) || one == 16)) return {};
    return {end, 0.01F};
  }
  const bool fits = (r.count == 2 && r.letters_first && one == 1 && (two <= 14 || two == 18)) ||
                    (r.count == 2 && r.letters_first && one == 2 && two >= 2 && two <= 7) ||
                    (r.count == 2 && !r.letters_first && two == 1 && one >= 7 && one <= 9) ||
                    r.is(false, {8, 2}) || r.is(false, {2, 3, 5}) || r.is(false, {2, 3, 6}) ||
                    r.is(false, {3, 2, 4}) || r.is(true, {2, 6, 1}) ||
                    r.is(true, {1, 1, 1, 1, 1}) ||
                    (r.is(true, {1, 6, 1}) && (s[end - 1] | 0x20) == 'r');
  return fits ? Match{end, 0.3F} : Match{};
}

Match match_crypto(std::string_view s, std::size_t p, std::size_t end) {
  const std::string_view token = s.substr(p, end - p);
  if (token.size() < kCryptoMin || token.size() > 62) return {};
  if (token.starts_with("bc1") || token.starts_with("BC1")) {
    return bech32_ok(token) ? Match{end, 1.0F} : Match{};
  }
  if ((token[0] != '1' && token[0] != '3') || token.size() > 35) return {};
  return base58check_ok(token) ? Match{end, 1.0F} : Match{};
}

bool inside_checked_number(std::string_view s, std::size_t begin, std::size_t end) {
  constexpr std::size_t kReachBack = 42;  // an IBAN in groups of four
  const std::size_t floor = begin > kReachBack ? begin - kReachBack : 0;
  for (std::size_t p = begin; p-- > floor;) {
    if (!is_alnum(s[p]) && s[p] != ' ' && s[p] != '-') return false;
    if (!is_alnum(s[p]) || word_before(s, p)) continue;
    const Match match = is_digit(s[p]) ? match_credit_card(s, p) : match_iban(s, p);
    if (match.score == 1.0F && match.end >= end) return true;
  }
  return false;
}

}  // namespace capsem::detect
