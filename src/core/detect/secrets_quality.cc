#include "core/detect/secrets_quality.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/detect/chars.h"

namespace capsem::detect::secrets {
namespace {

// x * log2(x) of small counts: entropy is asked for on every candidate.
constexpr std::size_t kCountsKnown = 512;
const std::array<float, kCountsKnown>& count_logs() {
  static const auto kTable = [] {
    std::array<float, kCountsKnown> t{};
    for (std::size_t i = 2; i < t.size(); ++i) {
      t[i] = static_cast<float>(i) * std::log2(static_cast<float>(i));
    }
    return t;
  }();
  return kTable;
}

struct Runs {
  std::size_t same = 1;   // longest stretch of one byte
  std::size_t steps = 1;  // longest stretch in which each byte follows the one before ("abcd")
};

Runs longest_runs(std::string_view value) {
  Runs longest;
  std::size_t same = 1, steps = 1;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const char before = fold(value[i - 1]), now = fold(value[i]);
    same = now == before ? same + 1 : 1;
    // "z" to "0", "9" to "a" or "0": alphabets are written one after the other.
    const bool joint = (before == 'z' && is_digit(now)) || (before == '9' && now == '0') ||
                       (before == '9' && now == 'a') || (before == '0' && now == 'a');
    steps = now == before + 1 || joint ? steps + 1 : 1;
    longest.same = std::max(longest.same, same);
    longest.steps = std::max(longest.steps, steps);
  }
  return longest;
}

// What only a note to the reader holds. Random text of 100 letters holds a given five-letter word
// once in 100,000 tokens.
constexpr auto kNotes = std::to_array<std::string_view>(
    {"your", "placeholder", "redacted", "changeme", "change_me", "change-me", "replace", "xxxx",
     "insert", "dummy", "goes_here", "goes-here", "goeshere", "put_", "-here", "_here"});
constexpr std::size_t kNoteSizeMin = 8;

constexpr auto kStopWords = std::to_array<std::string_view>(
    {"123456",  "12345678",   "abc123",      "access",     "admin",       "auto",        "bearer",
     "boolean", "changeit",   "changeme",    "credential", "credentials", "default",     "disabled",
     "dummy",   "empty",      "enabled",     "encrypted",  "example",     "false",       "foobar",
     "forgot",  "function",   "guest",       "hidden",     "invalid",     "key",         "login",
     "missing", "must",       "mypass",      "mypassword", "mysecret",    "mytoken",     "name",
     "nil",     "none",       "not",         "null",       "number",      "object",      "optional",
     "pass",    "passphrase", "passwd",      "password",   "password1",   "password123", "pwd",
     "reset",   "redacted",   "required",    "sample",     "secret",      "secret123",   "set",
     "some",    "string",     "test",        "test123",    "testing",     "text",        "token",
     "true",    "undefined",  "unknown",     "unset",      "user",        "username",    "value",
     "void",    "your",       "yourpassword"});
static_assert(kStopWords.size() > 60);

constexpr std::size_t kStopWordMax = 16;
constexpr std::size_t kStepsOfAlphabet = 8, kStepsOfSample = 12;

bool is_template(std::string_view v) {
  if (v.empty()) return true;
  const bool opens = v[0] == '$' || v[0] == '<' || v[0] == '{' || v[0] == '[' || v[0] == '%';
  return (opens && v.size() > 1 &&
          (v[0] == '$' ? is_alpha(v[1]) || v[1] == '_' || v[1] == '{' || v[1] == '('
                       : v[0] != '%' || v.back() == '%')) ||
         v.find("${") != std::string_view::npos || v.find("{{") != std::string_view::npos ||
         v.find("$(") != std::string_view::npos || v.find("#{") != std::string_view::npos ||
         v.find("&lt;") != std::string_view::npos || v.find("...") != std::string_view::npos ||
         v.find("***") != std::string_view::npos;
}

}  // namespace

float entropy(std::string_view value) {
  if (value.empty()) return 0;
  std::array<std::uint16_t, 256> counts{};
  for (const char c : value) ++counts[static_cast<unsigned char>(c)];
  float sum = 0;
  const auto& logs = count_logs();
  for (const std::uint16_t count : counts) {
    if (count > 1) sum += logs[std::min<std::size_t>(count, kCountsKnown - 1)];
  }
  const auto size = static_cast<float>(value.size());
  return std::log2(size) - sum / size;
}

bool contains_folded(std::string_view text, std::string_view needle) {
  const auto same = [](char t, char n) { return fold(t) == n; };
  return std::search(text.begin(), text.end(), needle.begin(), needle.end(), same) != text.end();
}

Likeness likeness(std::string_view value) {
  if (is_template(value)) return Likeness::Placeholder;
  const Runs runs = longest_runs(value);
  if (runs.same > std::max<std::size_t>(6, value.size() / 3)) return Likeness::Placeholder;
  if (value.size() >= kNoteSizeMin) {
    const auto noted = [&](std::string_view note) { return contains_folded(value, note); };
    if (std::any_of(kNotes.begin(), kNotes.end(), noted)) return Likeness::Placeholder;
    if (value.ends_with("EXAMPLE") || value.ends_with("EXAMPLEKEY")) return Likeness::Placeholder;
    if (contains_folded(value, "example")) return Likeness::Sample;
  }
  // A few letters in order can be chance in a long value.
  const bool ordered = runs.steps >= kStepsOfAlphabet &&
                       (runs.steps * 4 >= value.size() || runs.steps >= kStepsOfSample);
  return ordered ? Likeness::Sample : Likeness::Secret;
}

bool is_stop_word(std::string_view value) {
  if (value.size() > kStopWordMax) return false;
  std::array<char, kStopWordMax> folded{};
  std::transform(value.begin(), value.end(), folded.begin(), fold);
  const std::string_view word(folded.data(), value.size());
  return std::find(kStopWords.begin(), kStopWords.end(), word) != kStopWords.end();
}

bool is_uuid(std::string_view value) {
  if (value.size() != 36) return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? value[i] != '-' : (class_of(value[i]) & kHex) == 0) return false;
  }
  return true;
}

Makeup makeup(std::string_view value) {
  Makeup m;
  for (const char c : value) {
    if (is_digit(c)) {
      ++m.digits;
    } else if (is_lower(c)) {
      ++m.lower;
    } else if (is_upper(c)) {
      ++m.upper;
    } else {
      ++m.signs;
    }
  }
  return m;
}

bool looks_random(std::string_view value) {
  const Makeup m = makeup(value);
  if (m.digits == 0 || m.lower + m.upper == 0 || m.signs * 3 > value.size()) return false;
  // Changes between letters and digits: "release-2024-11-final" has few, hexadecimal has many.
  std::size_t changes = 0;
  for (std::size_t i = 1; i < value.size(); ++i) {
    changes += is_digit(value[i]) != is_digit(value[i - 1]) && is_alnum(value[i]) &&
               is_alnum(value[i - 1]);
  }
  const bool mixed_case = m.lower > 1 && m.upper > 1;
  const std::size_t wanted = mixed_case ? 2 : 3;
  if (changes < std::min(wanted, value.size() / 8 + 1)) return false;
  const auto size = static_cast<float>(value.size());
  return entropy(value) >= std::min(3.0F, 0.75F * std::log2(size));
}

}  // namespace capsem::detect::secrets
