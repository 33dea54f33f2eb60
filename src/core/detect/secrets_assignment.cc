// Reading `name operator value` in the spellings of programs, JSON, YAML, XML, env files, shells.
#include <algorithm>

#include "core/detect/chars.h"
#include "core/detect/secrets_assigned.h"
#include "core/detect/secrets_triggers.h"

namespace capsem::detect::secrets {
namespace {

constexpr std::size_t kBlanksMax = 32;
constexpr std::size_t kTypeMax = 24;
constexpr std::size_t kLoginReach = 96;  // from a .netrc line's "login" to its "password"

bool is_one_of(char c, std::string_view set) {
  return c != '\0' && set.find(c) != std::string_view::npos;
}

std::size_t skip(Probe& probe, std::size_t i, std::string_view set, std::size_t most) {
  for (std::size_t n = 0; n < most && is_one_of(probe.at(i), set); ++n) ++i;
  return i;
}

// "=", ":", ":=", "=>", "?=", "||=", "==", "!=", "->", ...: one of '=' or ':' or an arrow is in it.
// The end of the operator, or i.
std::size_t skip_operator(Probe& probe, std::size_t i) {
  std::size_t end = i;
  bool assigns = false;
  for (std::size_t n = 0; n < 4 && is_one_of(probe.at(end), "=:?|+.!>-~<"); ++n, ++end) {
    const char c = probe.at(end);
    assigns = assigns || c == '=' || c == ':' || c == '>';
  }
  return assigns ? end : i;
}

// `: string =` of typed languages.
std::size_t skip_type(Probe& probe, std::size_t i) {
  std::size_t at = skip(probe, i, " ", 2);
  const std::size_t begin = at;
  while (at - begin < kTypeMax && (is_alpha(probe.at(at)) || is_one_of(probe.at(at), "<>?|[]. "))) {
    ++at;
  }
  return at > begin && probe.at(at) == '=' && probe.at(at + 1) != '=' ? at + 1 : i;
}

struct Scheme {
  std::string_view word;
  bool basic;
};
constexpr auto kSchemes = std::to_array<Scheme>({{"bearer", false},
                                                 {"basic", true},
                                                 {"token", false},
                                                 {"apikey", false},
                                                 {"ssws", false},
                                                 {"bot", false}});

std::size_t skip_scheme(Probe& probe, std::size_t i, Assignment& found) {
  for (const Scheme& scheme : kSchemes) {
    std::size_t k = 0;
    while (k < scheme.word.size() && fold(probe.at(i + k)) == scheme.word[k]) ++k;
    if (k < scheme.word.size() || probe.at(i + k) != ' ') continue;
    found.scheme = true;
    found.basic = scheme.basic;
    return skip(probe, i + k, " ", 2);
  }
  return i;
}

// Up to two quotes, each perhaps escaped; the last one is the value's. A password may begin with
// the sign that is a quote only in shells.
std::size_t skip_quotes(Probe& probe, std::size_t i, char& quote) {
  for (int n = 0; n < 2; ++n) {
    const std::size_t at = skip(probe, i, "\\", 2);
    if (!is_one_of(probe.at(at), n == 0 ? "\"'`" : "\"'")) break;
    quote = probe.at(at);
    i = at + 1;
  }
  return i;
}

// `--password value`, PowerShell's `-Password value`, .netrc's `login joe password value`.
bool needs_no_operator(std::string_view text, std::size_t name_begin) {
  if (name_begin < 2) return false;
  const std::string_view before = text.substr(name_begin - 2, 2);
  if (before == "--" || before == " -") return true;
  const std::size_t from = name_begin - std::min(name_begin, kLoginReach);
  std::string_view line = text.substr(from, name_begin - from);
  line.remove_prefix(line.rfind('\n') + 1);
  return line.starts_with("login ") || line.find(" login ") != std::string_view::npos;
}

}  // namespace

std::optional<Assignment> read_assignment(Probe& probe, std::size_t name_begin,
                                          std::size_t name_end) {
  Assignment found{.name = probe.slice(name_begin, name_end)};
  const std::size_t closed = skip(probe, name_end, "\\\"'`])", 4);
  const bool quoted_name = closed > name_end;
  std::size_t i = skip(probe, closed, " \t", kBlanksMax);
  const bool blank = i > closed;
  const std::size_t after = skip_operator(probe, i);
  if (after > i) {
    const bool breaks = probe.at(after - 1) == ':' || probe.at(after - 1) == '>';
    i = skip_type(probe, after);
    const std::size_t value = skip(probe, i, breaks ? " \t\r\n" : " \t", kBlanksMax);
    found.tight = !blank && value == after;
    i = value;
  } else if (quoted_name && (probe.at(i) == ',' || probe.at(i) == ')')) {
    i = skip(probe, i + 1, " \t", kBlanksMax);
    if (!is_one_of(probe.at(i), "\"'`\\")) return std::nullopt;
  } else if (quoted_name && blank && probe.stands_at(i, "value=")) {
    i += 6;
  } else if (blank && (probe.stands_at(i, "is ") || probe.stands_at(i, "was "))) {
    i = skip(probe, i + (probe.at(i) == 'i' ? 3 : 4), " ", 2);
    i = skip(probe, i, ":", 1);
    i = skip(probe, i, " ", 2);
    found.spoken = true;
  } else if (probe.at(i) == '(' || (blank && is_one_of(probe.at(i), "\"'"))) {
    i = skip(probe, i, "(", 1);
    if (!is_one_of(probe.at(i), "\"'")) return std::nullopt;
  } else if (!blank || !needs_no_operator(probe.text(), name_begin)) {
    return std::nullopt;
  }
  i = skip_quotes(probe, i, found.quote);
  i = skip_scheme(probe, i, found);
  found.value = i;
  return found;
}

ValueEnd read_value(Probe& probe, std::size_t p, char quote) {
  for (std::size_t i = p; i < p + kValueBytesMax; ++i) {
    const char c = probe.at(i);
    const bool ends = quote != 0 ? c == quote || c == '\n' || c == '\0'
                                 : c == '\0' || static_cast<unsigned char>(c) <= ' ' ||
                                       is_one_of(c, "\"'`,;<>(){}[]|&\\");
    if (!ends) continue;
    if (quote != 0 && c != quote) return {i, false};
    const bool escaped = quote != 0 && i > p && probe.at(i - 1) == '\\';
    return {escaped ? i - 1 : i, true};
  }
  return {p + kValueBytesMax, false};
}

}  // namespace capsem::detect::secrets
