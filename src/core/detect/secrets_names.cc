#include "core/detect/secrets_names.h"

#include <algorithm>
#include <array>

#include "core/detect/chars.h"

namespace capsem::detect::secrets {
namespace {

// Endings that make a name a password's or a secret's. A name may run on in front of them
// ("dbpassword", "jwtsecret"), except in front of the short ones.
struct Ending {
  std::string_view text;
  NameKind kind;
  bool whole_word;
};
constexpr auto kEndings = std::to_array<Ending>({
    {"password", NameKind::Password, false},    {"passwords", NameKind::Password, false},
    {"passwd", NameKind::Password, false},      {"passphrase", NameKind::Password, false},
    {"passcode", NameKind::Password, false},    {"passwort", NameKind::Password, false},
    {"pwd", NameKind::Password, false},         {"pass", NameKind::Password, true},
    {"pw", NameKind::Password, true},           {"secret", NameKind::Secret, false},
    {"secrets", NameKind::Secret, true},        {"token", NameKind::Secret, false},
    {"apikey", NameKind::Secret, false},        {"accesskey", NameKind::Secret, false},
    {"secretkey", NameKind::Secret, false},     {"authkey", NameKind::Secret, false},
    {"privatekey", NameKind::Secret, false},    {"signingkey", NameKind::Secret, false},
    {"encryptionkey", NameKind::Secret, false}, {"licensekey", NameKind::Secret, false},
    {"credential", NameKind::Secret, false},    {"credentials", NameKind::Secret, false},
    {"creds", NameKind::Secret, true},          {"cred", NameKind::Secret, true},
    {"auth", NameKind::Secret, true},
});

// Words before "key" that make it a secret one.
constexpr auto kSecretKeys = std::to_array<std::string_view>(
    {"access",     "account", "admin",       "aes",          "api",     "app",       "application",
     "auth",       "client",  "consumer",    "crypt",        "deploy",  "developer", "dev",
     "encryption", "hmac",    "integration", "io",           "jwt",     "license",   "master",
     "private",    "query",   "secret",      "server",       "service", "session",   "shared",
     "signing",    "storage", "stream",      "subscription", "user",    "webhook",   "write"});

// Words that say that the value is no secret, whatever follows.
constexpr auto kHarmless = std::to_array<std::string_view>(
    {"public", "pub",     "next",         "page",    "continuation", "max",  "min",
     "num",    "total",   "eos",          "bos",     "pad",          "unk",  "stop",
     "mask",   "special", "cancellation", "foreign", "primary",      "sort", "forgot",
     "reset",  "csrf",    "xsrf",         "sync"});

// Words after which a name still means its secret: "API_KEY_PROD", "password1", "TOKEN_VALUE".
constexpr auto kSuffixes = std::to_array<std::string_view>(
    {"value",  "val", "string",  "str",        "text", "raw",     "plain", "plaintext", "b64",
     "base64", "env", "prod",    "production", "dev",  "staging", "test",  "live",      "default",
     "new",    "old", "primary", "secondary",  "main", "default", "com",   "tkn"});

bool word_boundary(std::string_view name, std::size_t i) {
  if (!is_alnum(name[i])) return true;
  const char before = name[i - 1];
  if (!is_alnum(before)) return true;
  if (is_upper(name[i]) && (is_lower(before) || is_digit(before))) return true;
  // "APIKey": the last capital begins the next word.
  return is_upper(name[i]) && is_upper(before) && i + 1 < name.size() && is_lower(name[i + 1]);
}

// The last word of `name`, which is cut off with the signs behind it; empty: there is none.
std::string_view take_last_word(std::string_view& name) {
  while (!name.empty() && !is_alnum(name.back())) name.remove_suffix(1);
  std::size_t begin = name.size();
  while (begin > 0 && is_alnum(name[begin - 1])) {
    --begin;
    if (begin > 0 && word_boundary(name, begin)) break;
  }
  const std::string_view word = name.substr(begin);
  name.remove_suffix(word.size());
  return word;
}

bool folded_equal(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(), [](char x, char y) { return fold(x) == y; });
}

// Words of one first letter and length are few: a bit for each pair.
template <std::size_t N>
constexpr std::array<std::uint32_t, 32> first_and_size(
    const std::array<std::string_view, N>& list) {
  std::array<std::uint32_t, 32> sizes{};
  for (const std::string_view word : list) sizes[word[0] & 31] |= std::uint32_t{1} << word.size();
  return sizes;
}

template <const auto& kList>
bool listed(std::string_view word) {
  static constexpr auto kSizes = first_and_size(kList);
  if (word.size() >= 32 || (kSizes[word[0] & 31] >> word.size() & 1) == 0) return false;
  return std::any_of(kList.begin(), kList.end(),
                     [&](std::string_view entry) { return folded_equal(word, entry); });
}

bool all_digits(std::string_view word) {
  return std::all_of(word.begin(), word.end(), is_digit);
}

std::string_view without_digits(std::string_view word) {
  while (!word.empty() && is_digit(word.back())) word.remove_suffix(1);
  return word;
}

// The last two letters of the endings.
constexpr std::size_t pair_slot(std::string_view word) {
  const std::size_t last = word.size() - 1;
  return static_cast<std::size_t>((word[last - 1] & 31) << 5 | (word[last] & 31));
}
constexpr std::array<bool, 1024> make_last_two() {
  std::array<bool, 1024> pairs{};
  for (const Ending& ending : kEndings) pairs[pair_slot(ending.text)] = true;
  return pairs;
}
constexpr auto kLastTwo = make_last_two();

NameKind kind_of_ending(std::string_view word) {
  if (word.size() < 2 || !kLastTwo[pair_slot(word)]) return NameKind::Other;
  for (const Ending& ending : kEndings) {
    if (word.size() < ending.text.size() || (ending.whole_word && word.size() > ending.text.size()))
      continue;
    if (folded_equal(word.substr(word.size() - ending.text.size()), ending.text))
      return ending.kind;
  }
  return NameKind::Other;
}

}  // namespace

NameKind kind_of_name(std::string_view name) {
  std::string_view rest = name, word = take_last_word(rest);
  for (std::string_view before = rest; all_digits(word) || listed<kSuffixes>(word);) {
    const std::string_view next = take_last_word(before);
    if (next.empty()) break;
    word = next;
    rest = before;
  }
  if (word.empty()) return NameKind::Other;
  const std::string_view last = without_digits(word);
  NameKind kind = NameKind::Other;
  if (folded_equal(last, "key") || folded_equal(last, "keys")) {
    std::string_view before = rest;
    const std::string_view of = take_last_word(before);
    if (!of.empty() && listed<kSecretKeys>(of)) kind = NameKind::Secret;
  } else {
    kind = kind_of_ending(last);
  }
  while (kind != NameKind::Other && !rest.empty()) {
    const std::string_view of = take_last_word(rest);
    if (!of.empty() && listed<kHarmless>(of)) kind = NameKind::Other;
  }
  return kind;
}

Squeezed::Squeezed(std::string_view text, std::size_t from, std::size_t to) {
  std::size_t begin = to, count = 0;
  while (begin > from && count < kMax) count += is_alnum(text[--begin]) ? 1 : 0;
  for (std::size_t i = begin; i < to; ++i) {
    if (!is_alnum(text[i])) continue;
    text_[size_] = fold(text[i]);
    begins_[size_] = i == 0 || word_boundary(text, i) || is_digit(text[i - 1]);
    source_[size_++] = i;
  }
}

bool Squeezed::stands_at(std::size_t i, std::string_view word) const {
  return size_ - i >= word.size() && std::string_view(text_ + i, word.size()) == word;
}

bool Squeezed::contains(std::string_view word) const {
  return std::string_view(text_, size_).find(word) != std::string_view::npos;
}

}  // namespace capsem::detect::secrets
