#include <algorithm>
#include <array>

#include "core/detect/addresses.h"
#include "core/detect/tlds.h"

namespace capsem::detect {
namespace {

constexpr std::size_t kLabelMax = 63;  // RFC 1035 2.3.4
constexpr std::size_t kUserinfoMax = 48;
constexpr std::size_t kSchemeMax = 12;  // "https", with room
static_assert(kSchemeMax + 3 + kUserinfoMax + 1 + kLabelMax <= kUrlBeforeDotMax);
// How far back the beginning of a URL is looked for that this one is a part of; < kLookBehind.
constexpr std::size_t kInsideMax = 240;
constexpr std::size_t kIndentMax = 64;
constexpr std::string_view kWww = "www";

constexpr std::array<bool, 256> make_url_bytes() {
  std::array<bool, 256> t{};
  for (unsigned i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    t[i] = is_alnum(c) || (i >= 0x80 && (is_continuation(c) || (class_of(c) & kWord) != 0));
  }
  // RFC 3986 without "'()": these enclose URLs.
  for (const char c : std::string_view("-._~:/?#[]@!$&*+,;=%|")) {
    t[static_cast<unsigned char>(c)] = true;
  }
  return t;
}
constexpr auto kUrlBytes = make_url_bytes();

bool url_byte(char c) {
  return kUrlBytes[static_cast<unsigned char>(c)];
}
bool label_byte(char c) {
  return (class_of(c) & kDomain) != 0 || c == '_' || is_continuation(c);
}
bool userinfo_byte(char c) {
  return url_byte(c) && std::string_view("/?#[]@").find(c) == std::string_view::npos;
}

std::size_t label_begin(std::string_view s, std::size_t end) {
  const std::size_t floor = end > kLabelMax ? end - kLabelMax : 0;
  std::size_t p = end;
  while (p > floor && label_byte(s[p - 1])) --p;
  return p;
}

// The beginning of the scheme whose "://" ends at p, or p.
std::size_t scheme_begin(std::string_view s, std::size_t p) {
  if (p < 4 || s.substr(p - 3, 3) != "://") return p;
  const std::size_t end = p - 3, floor = end > kSchemeMax ? end - kSchemeMax : 0;
  std::size_t begin = end;
  while (begin > floor && (is_alnum(s[begin - 1]) || s[begin - 1] == '+')) --begin;
  while (begin < end && !is_alpha(s[begin])) ++begin;
  return end - begin >= 2 && !word_before(s, begin) ? begin : p;
}

// Where the host stands, and the scheme before it.
struct Place {
  std::size_t begin = 0, host = 0;
  bool scheme = false, found = true;
};
constexpr Place kNoPlace{.found = false};

// The host whose first label ends with the dot at `dot`.
Place place_at(std::string_view s, std::size_t dot) {
  const std::size_t label = label_begin(s, dot);
  const std::size_t scheme = scheme_begin(s, label);
  if (scheme != label) {
    // "https://jane.doe:secret@host": the dot is not the host's.
    std::size_t at = dot;
    const std::size_t end = std::min(s.size(), label + kUserinfoMax);
    while (at < end && userinfo_byte(s[at])) ++at;
    return {scheme, at < end && s[at] == '@' ? at + 1 : label, true};
  }
  const char before = char_before(s, label);
  if (before == '@') {
    std::size_t user = label - 1;
    const std::size_t floor = user > kUserinfoMax ? user - kUserinfoMax : 0;
    bool dotted = false;
    while (user > floor && userinfo_byte(s[user - 1])) dotted |= s[--user] == '.';
    const std::size_t begin = scheme_begin(s, user);
    return begin != user && !dotted ? Place{begin, label, true} : kNoPlace;
  }
  std::size_t host = label;
  while (host < dot && (class_of(s[host]) & kWord) == 0) ++host;
  if (host == dot || before == '.' || before == '/' || before == '\\') return kNoPlace;
  return {host, host, false};
}

// "www", "www2": not what a host is registered under.
bool is_www(std::string_view label) {
  return label.size() >= 3 && label.size() <= 6 &&
         std::ranges::equal(label.substr(0, 3), kWww, {}, fold) &&
         std::ranges::all_of(label.substr(3), is_digit);
}

bool capitalised(std::string_view label) {
  return is_upper(label[0]) && std::ranges::any_of(label, is_lower);
}

bool dotted_quad(std::string_view host) {
  return std::ranges::count(host, '.') == 3 &&
         std::ranges::all_of(host, [](char c) { return is_digit(c) || c == '.'; });
}

// The host at p: where it ends, and how sure it is one.
struct Host {
  std::size_t end = 0;
  std::size_t labels = 0;
  bool ambiguous = false;
};

Host host_at(std::string_view s, const Place& place, std::size_t limit) {
  Host host;
  std::size_t labels = 0, p = place.host;
  for (;;) {
    std::size_t end = p;
    while (end < limit && label_byte(s[end])) ++end;
    std::size_t label_end = end;
    while (label_end > p && (s[label_end - 1] == '-' || s[label_end - 1] == '_')) --label_end;
    if (label_end == p || end - p > kLabelMax) break;
    const std::string_view label = s.substr(p, label_end - p);
    if (labels > 0 || !is_www(label)) ++labels;
    const bool known =
        known_tld(label) || label.starts_with("xn--") || (place.scheme && private_suffix(label));
    if (labels > 1 && known) host = {label_end, labels, ambiguous_tld(label)};
    const bool goes_on =
        label_end == end && end + 1 < limit && s[end] == '.' && label_byte(s[end + 1]);
    if (goes_on) {
      p = end + 1;
      continue;
    }
    if (place.scheme) {
      if (dotted_quad(s.substr(place.host, end - place.host))) host = {end, labels, false};
      return host;
    }
    // Without a scheme all of it has to be a host's name, and no mailbox, call or sentence.
    const char next = char_at(s, end);
    if (host.end != end || next == '@' || next == '(' || capitalised(label)) return {};
    return host;
  }
  return place.scheme ? host : Host{};
}

// "/path?query#fragment", with a port before it, up to `limit`: its end.
std::size_t rest_end(std::string_view s, std::size_t p, std::size_t limit) {
  if (char_at(s, p) == ':' && digit_at(s, p + 1)) {
    const std::size_t port = digits_end(s, p + 1);
    if (port - p <= 6 && port <= limit && !word_at(s, port)) p = port;
  }
  if (p >= limit || (s[p] != '/' && s[p] != '?' && s[p] != '#')) return p;
  while (p < limit && url_byte(s[p])) ++p;
  return p;
}

// A part of the URL, or of the path, that stands before it without a space.
bool inside_path(std::string_view s, std::size_t begin) {
  const std::size_t floor = begin > kInsideMax ? begin - kInsideMax : 0;
  for (std::size_t p = begin; p > floor && url_byte(s[p - 1]); --p) {
    if (s[p - 1] == '/' || s[p - 1] == '?') return true;
  }
  return false;
}

bool quoted(std::string_view s, std::size_t begin, std::size_t end) {
  return begin > 0 && char_at(s, end) == s[begin - 1] && opens_quote(s, begin - 1);
}

// "Co.Ltd": the form of a company, at the end of its name.
bool company_form(std::string_view host) {
  return std::ranges::equal(host, std::string_view("co.ltd"),
                            [](char a, char b) { return fold(a) == b; });
}

// "3.5": a number's point, unless the number is a part of a name or address.
bool decimal_point(std::string_view s, std::size_t dot) {
  if (!digit_at(s, dot + 1)) return false;
  const std::size_t floor = dot > kLabelMax ? dot - kLabelMax : 0;
  std::size_t p = dot;
  while (p > floor && is_digit(s[p - 1])) --p;
  return p == 0 || (!label_byte(s[p - 1]) && s[p - 1] != '/' && s[p - 1] != '@');
}

// The beginning of the URL whose host ends at `mark`, if it is still open at the end of s;
// otherwise s.size(). No byte of it stands before `begin`.
std::size_t open_host(std::string_view s, std::size_t begin, std::size_t mark) {
  std::size_t host = mark;
  while (host > begin && (label_byte(s[host - 1]) || s[host - 1] == '.' || s[host - 1] == ':')) {
    --host;
  }
  for (std::size_t dot = s.find('.', host); dot < mark; dot = s.find('.', dot + 1)) {
    const UrlMatch match = match_url(s, dot);
    if (!match || !match.open) continue;
    return match.begin > 0 && opens_quote(s, match.begin - 1) ? match.begin - 1 : match.begin;
  }
  return s.size();
}

}  // namespace

bool opens_quote(std::string_view s, std::size_t at) {
  if (s[at] != '"' && s[at] != '\'') return false;
  const std::size_t floor = at > kIndentMax ? at - kIndentMax : 0;
  std::size_t p = at;
  while (p > floor && (s[p - 1] == ' ' || s[p - 1] == '\n')) --p;
  if (p == at && p > 0 && s[p - 1] != '(' && s[p - 1] != '=') return false;
  return p == 0 || std::string_view(":,[{").find(s[p - 1]) == std::string_view::npos;
}

UrlMatch match_url(std::string_view s, std::size_t dot) {
  if (dot + 1 >= s.size() || !label_byte(s[dot + 1]) || decimal_point(s, dot)) return {};
  const Place place = place_at(s, dot);
  if (!place.found) return {};
  const std::size_t limit = std::min(s.size(), place.begin + kUrlMax);
  const Host host = host_at(s, place, limit);
  if (host.end == 0 || inside_path(s, place.begin)) return {};
  if (!place.scheme && company_form(s.substr(place.host, host.end - place.host))) return {};
  const std::size_t reach = rest_end(s, host.end, limit);
  std::size_t end = reach;
  // What ends a sentence, or goes on with it, is not the URL's.
  while (end > host.end &&
         std::string_view(".,:;!?]|*").find(s[end - 1]) != std::string_view::npos) {
    --end;
  }
  UrlMatch match{{place.begin, end, place.scheme ? 0.6F : 0.5F}, reach == s.size()};
  if (host.ambiguous && !place.scheme && host.labels == 2 && reach == host.end) match.score = 0.3F;
  if (quoted(s, match.begin, match.end)) --match.begin, ++match.end;
  return match;
}

std::size_t open_url(std::string_view s) {
  const std::size_t floor = s.size() > kUrlMax ? s.size() - kUrlMax : 0;
  std::size_t begin = s.size();
  while (begin > floor && url_byte(s[begin - 1])) --begin;
  // What follows its host begins at one of these. Behind '/' and '?' no other begins, behind '#'
  // one may.
  for (std::size_t mark = s.find_first_of("/?#", begin); mark < s.size();
       mark = s.find_first_of("/?#", mark + 1)) {
    if (mark > begin && s.substr(mark - 1, 3) == "://") {
      ++mark;
      continue;
    }
    if (const std::size_t open = open_host(s, begin, mark); open != s.size()) return open;
    if (s[mark] != '#') break;
  }
  return s.size();
}

}  // namespace capsem::detect
