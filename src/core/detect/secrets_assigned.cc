#include "core/detect/secrets_assigned.h"

#include <algorithm>

#include "core/detect/chars.h"
#include "core/detect/secrets_quality.h"
#include "core/detect/secrets_shape.h"
#include "core/detect/secrets_triggers.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::size_t kNameMax = 48;    // bytes of a name on either side of its word
constexpr std::size_t kSecretMin = 10;  // shortest secret without a shape
constexpr std::size_t kPasswordMin = 5;
constexpr std::size_t kHeaderMin = 8;
constexpr std::size_t kCurlReach = 128;    // from "curl" to its -u
constexpr std::size_t kServerReach = 112;  // from a connection string's "Server=" to its password

bool is_name_byte(char c) {
  return is_word_byte(c) || c == '-' || c == '.';
}

std::size_t name_begin(std::string_view text, std::size_t hint) {
  const std::size_t floor = hint > kNameMax ? hint - kNameMax : 0;
  std::size_t i = hint;
  while (i > floor && is_name_byte(text[i - 1])) --i;
  while (i < hint && !is_word_byte(text[i])) ++i;
  return i;
}

std::size_t name_end(Probe& probe, std::size_t hint) {
  std::size_t i = hint;
  while (i < hint + kNameMax && is_name_byte(probe.at(i))) ++i;
  while (i > hint && !is_word_byte(probe.text()[i - 1])) --i;
  return i;
}

// Code rather than text: a call, a member, a path of names.
bool is_expression(Probe& probe, std::string_view value, std::size_t end, char quote) {
  if (quote != 0) return false;
  const char next = probe.at(end);
  return next == '(' || next == '[' || next == '{' || value.find('.') != std::string_view::npos ||
         value.find(':') != std::string_view::npos;
}

// Words in lower case with signs between them, perhaps with a number behind: "my-secret-name-1".
bool is_words(std::string_view value) {
  const Makeup m = makeup(value);
  return m.digits == 0 || (m.upper == 0 && m.digits <= 2 && is_digit(value.back()));
}

// A UUID is a secret only where the name says key or secret: others are mere ids.
bool secret_like(std::string_view name, std::string_view value) {
  if (is_uuid(value)) return contains_folded(name, "key") || contains_folded(name, "secret");
  return value.size() >= kSecretMin && looks_random(value) && !is_words(value) &&
         likeness(value) == Likeness::Secret;
}

bool password_like(const Assignment& a, std::string_view value) {
  if (value.size() < kPasswordMin || is_stop_word(value)) return false;
  if (likeness(value) == Likeness::Placeholder && value[0] != '%') return false;
  if (value.find(' ') != std::string_view::npos || value.find('/') == 0) return false;
  const Makeup m = makeup(value);
  const bool plain_word = m.digits == 0 && m.signs == 0 && (m.lower == 0 || m.upper <= 1);
  if (a.spoken) return a.quote != 0 ? !plain_word || value.size() > 5 : m.digits > 0;
  if (a.quote != 0) return !plain_word || value.size() >= 6;
  const Makeup name = makeup(a.name);
  return plain_word ? a.tight && name.lower == 0 : m.digits > 0 || m.lower * m.upper > 2;
}

// The value of a name that says "password" or "secret".
std::optional<Hit> match_assigned(Probe& probe, const Assignment& a, NameKind kind) {
  const ValueEnd stop = read_value(probe, a.value, a.quote);
  const std::string_view value = probe.slice(a.value, std::min(stop.end, probe.text().size()));
  if (value.empty() || is_expression(probe, value, stop.end, a.quote)) return std::nullopt;
  const StructuralKinds& kinds = structural_kinds();
  Hit hit{kinds.generic, a.value, stop.end, 0.5F};
  if (!stop.closed) {
    const bool token = stop.end - a.value == kValueBytesMax &&
                       std::all_of(value.begin(), value.end(), is_token_byte);
    if (!token || kind == NameKind::Password) return std::nullopt;
    hit.tail = Tail::Token;
  }
  if (kind == NameKind::Secret) {
    if (a.spoken && a.quote == 0 && !looks_random(value)) return std::nullopt;
    return secret_like(a.name, value) ? std::optional(hit) : std::nullopt;
  }
  if (!password_like(a, value)) return std::nullopt;
  hit.kind = kinds.password;
  const std::size_t from = a.value > kServerReach ? a.value - kServerReach : 0;
  const std::string_view before = probe.slice(from, a.value);
  const bool connects =
      a.quote == 0 &&
      (contains_folded(before, "user id=") || contains_folded(before, "uid=") ||
       contains_folded(before, "data source=") || contains_folded(before, "server="));
  if (connects) hit.kind = kinds.connection_string, hit.score = 0.6F;
  return hit;
}

// The credentials of an Authorization header.
std::optional<Hit> match_authorization(Probe& probe, std::size_t begin, bool basic) {
  std::size_t end = begin;
  while (end < begin + kTokenBytesMax && (is_token_byte(probe.at(end)) || probe.at(end) == '@')) {
    ++end;
  }
  const std::string_view value = probe.slice(begin, std::min(end, probe.text().size()));
  if (value.size() < kHeaderMin || likeness(value) == Likeness::Placeholder ||
      probe.at(end) == '(' || probe.at(end) == '{') {
    return std::nullopt;
  }
  const StructuralKinds& kinds = structural_kinds();
  Hit hit{kinds.authorization, begin, end, 0.7F};
  if (end == begin + kTokenBytesMax) hit.tail = Tail::Token;
  if (basic) {
    if (!is_basic_credentials(value)) return std::nullopt;
    hit.kind = kinds.basic_auth;
    hit.score = 0.85F;
  } else if (!looks_random(value) && !is_uuid(value)) {
    return std::nullopt;
  }
  return hit;
}

// -u user:password of curl: the finding is the password.
void look_at_curl(Probe& probe, std::size_t option_end, Hits& hits) {
  const std::size_t from = option_end > kCurlReach ? option_end - kCurlReach : 0;
  if (!contains_folded(probe.slice(from, option_end), "curl")) return;
  std::size_t i = option_end;
  while (i < option_end + 4 && (probe.at(i) == ' ' || probe.at(i) == '=')) ++i;
  char quote = 0;
  if (probe.at(i) == '"' || probe.at(i) == '\'') quote = probe.at(i++);
  std::size_t colon = i;
  while (colon < i + kValueBytesMax / 2 && static_cast<unsigned char>(probe.at(colon)) > ' ' &&
         probe.at(colon) != ':' && probe.at(colon) != quote) {
    ++colon;
  }
  if (probe.at(colon) != ':' || probe.asked_for_more()) return;
  const std::string_view user = probe.slice(i, colon);
  std::size_t begin = colon + 1;
  if (quote == 0 && (probe.at(begin) == '"' || probe.at(begin) == '\'')) quote = probe.at(begin++);
  const ValueEnd stop = read_value(probe, begin, quote);
  std::optional<Hit> hit;
  const std::string_view value = probe.slice(begin, std::min(stop.end, probe.text().size()));
  const bool variable = !user.empty() && likeness(user) == Likeness::Placeholder;
  if (stop.closed && value.size() >= 3 && !variable && value != user && !is_stop_word(value) &&
      likeness(value) != Likeness::Placeholder && value != "yyy") {
    hit = Hit{structural_kinds().curl_credentials, begin, stop.end, 0.7F};
  }
  hits.settle(probe, begin, hit);
}

bool begins_folded(std::string_view text, std::string_view word) {
  return text.size() >= word.size() && std::equal(word.begin(), word.end(), text.begin(),
                                                  [](char w, char t) { return fold(t) == w; });
}

// What follows a name with "Authorization" in it, or "Bearer" by itself.
void look_behind_authorization(Probe& probe, std::size_t hint, std::size_t begin, std::size_t end,
                               Hits& hits) {
  const std::string_view name = probe.slice(begin, std::min(end, probe.text().size()));
  std::size_t value = 0;
  bool basic = false;
  if (name.size() == std::string_view("bearer").size()) {
    if (probe.at(end) != ' ') return;
    value = end + 1;
  } else if (const auto read = read_assignment(probe, begin, end)) {
    value = read->value;
    basic = read->basic;
  } else {
    return;
  }
  if (value > probe.text().size() || value - hint > kNameReach) return;
  const auto hit = match_authorization(probe, value, basic);
  hits.settle(probe, value, hit);
}

}  // namespace

void look_behind_word(Probe& probe, std::size_t hint, Hits& hits) {
  const std::string_view text = probe.text();
  if (text[hint] == '-') {
    if (hint > 0 && is_word_byte(text[hint - 1])) return;
    if (probe.stands_at(hint, "-u ")) {
      look_at_curl(probe, hint + 3, hits);
    } else if (probe.stands_at(hint, "--user")) {
      look_at_curl(probe, hint + 6, hits);
    }
    return;
  }
  const std::size_t begin = name_begin(text, hint), end = name_end(probe, hint);
  const std::string_view name = probe.slice(begin, std::min(end, text.size()));
  const std::string_view word = name.substr(std::min(hint - begin, name.size()));
  if (begins_folded(word, "authorization") || begins_folded(word, "bearer")) {
    look_behind_authorization(probe, hint, begin, end, hits);
    return;
  }
  const NameKind kind = kind_of_name(name);
  if (kind == NameKind::Other) return;
  const auto a = read_assignment(probe, begin, end);
  if (!a || a->value >= text.size() || a->value - hint > kNameReach) return;
  if (a->basic) {
    const auto hit = match_authorization(probe, a->value, true);
    hits.settle(probe, a->value, hit);
    return;
  }
  const auto hit = match_assigned(probe, *a, kind);
  hits.settle(probe, a->value, hit);
}

}  // namespace capsem::detect::secrets
