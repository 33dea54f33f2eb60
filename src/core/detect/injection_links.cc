// Links and images that carry data away: an image is fetched without anybody's click, and what
// stands in its address goes with it.
#include <cmath>

#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {
namespace {

constexpr std::size_t kUrlMax = 400;
constexpr std::size_t kLongPath = 96;   // bytes of one path segment
constexpr std::size_t kDenseMin = 32;   // bytes that may be data rather than words
constexpr double kDenseBits = 4.0;      // per byte
constexpr std::size_t kLabelMax = 200;  // bytes back to the '[' of a link

struct Url {
  std::size_t begin = 0, end = 0;
  bool query = false, template_hole = false, dense = false, long_segment = false;
};

bool url_byte(char c) {
  return c > ' ' && c != '"' && c != '\'' && c != ')' && c != '>' && c != '<' && c != '\\' &&
         c != '`' && c != '\x7F';
}

double bits_per_byte(Ahead& text, std::size_t begin, std::size_t end) {
  std::array<unsigned, 256> count{};
  for (std::size_t i = begin; i < end; ++i) ++count[static_cast<unsigned char>(text.at(i))];
  const auto total = static_cast<double>(end - begin);
  double bits = 0;
  for (const unsigned n : count) {
    if (n != 0) bits -= n / total * std::log2(n / total);
  }
  return bits;
}

// A run that could be encoded data: letters of both cases and digits, nearly random.
bool is_dense(Ahead& text, std::size_t begin, std::size_t end) {
  if (end - begin < kDenseMin) return false;
  std::size_t kinds = 0, hex = 0;
  std::uint8_t seen = 0;
  for (std::size_t i = begin; i < end; ++i) {
    seen |= class_of(text.at(i));
    if ((class_of(text.at(i)) & kHex) != 0) ++hex;
  }
  kinds = ((seen & kDigit) != 0 ? 1U : 0U) + ((seen & kUpper) != 0 ? 1U : 0U) +
          ((seen & kLower) != 0 ? 1U : 0U);
  if (hex == end - begin && (seen & kDigit) != 0) return true;
  return kinds >= 2 && bits_per_byte(text, begin, end) >= kDenseBits;
}

// Reads "http(s)://..." or "//..." at p. end 0: none.
Url url_at(Ahead& text, std::size_t p) {
  Url url;
  url.begin = p;
  std::size_t at = p;
  if (text.has(at, "https:")) {
    at += 6;
  } else if (text.has(at, "http:")) {
    at += 5;
  }
  if (text.at(at) != '/' || text.at(at + 1) != '/') return {};
  at += 2;
  while (url_byte(text.at(at)) && text.at(at) != '/' && text.at(at) != '?') ++at;  // the host
  std::size_t part = at;
  for (; at < p + kUrlMax && url_byte(text.at(at)); ++at) {
    const char c = text.at(at);
    if (c == '?') url.query = true;
    if (c == '{' || c == '[' || (c == '$' && text.at(at + 1) == '{')) url.template_hole = true;
    if (c == '/' || c == '?' || c == '&' || c == '=' || c == '.') {
      url.dense = url.dense || is_dense(text, part, at);
      url.long_segment = url.long_segment || at - part >= kLongPath;
      part = at + 1;
    }
  }
  url.dense = url.dense || is_dense(text, part, at);
  url.long_segment = url.long_segment || at - part >= kLongPath;
  url.end = at;
  return url;
}

std::size_t skip_spaces(Ahead& text, std::size_t p) {
  const std::size_t limit = p + 8;
  while (p < limit && (text.at(p) == ' ' || text.at(p) == '<' || text.at(p) == '\n')) ++p;
  return p;
}

void report(const Url& url, bool image, Hits& hits) {
  if (url.end == 0) return;
  if (image && (url.query || url.long_segment || url.template_hole || url.dense)) {
    const float score = url.dense && url.query ? 0.9F : url.template_hole ? 0.8F : 0.6F;
    hits.add(Sign::ImageExfiltration, score, url.end);
  } else if (url.query && (url.template_hole || url.dense)) {
    hits.add(Sign::LinkExfiltration, url.template_hole ? 0.6F : 0.5F, url.end);
  }
}

// Whether the label that ends with the ']' at p belongs to an image.
bool labels_image(std::string_view s, std::size_t p) {
  const std::size_t floor = floor_of(p, kLabelMax);
  for (std::size_t i = p; i > floor; --i) {
    if (s[i - 1] == '[') return i >= 2 && s[i - 2] == '!';
    if (s[i - 1] == ']') return false;
  }
  return false;
}

// "](url" and, with its label defined apart, "]: url".
void match_markdown(Ahead& text, std::size_t p, Hits& hits) {
  const char next = text.at(p + 1);
  if (next == '(') {
    report(url_at(text, skip_spaces(text, p + 2)), labels_image(text.text(), p), hits);
  } else if (next == ':' && text.at(p + 2) == ' ') {
    // The label may be an image's anywhere else in the text.
    const Url url = url_at(text, skip_spaces(text, p + 3));
    report(url, url.template_hole || url.dense, hits);
  }
}

// <img src=...>, <iframe src=...>, style="background:url(...)" and the like load by themselves.
void match_html(Ahead& text, std::size_t p, Hits& hits) {
  bool loads = false;
  for (const std::string_view name : {"img", "iframe", "script", "link", "embed", "object", "video",
                                      "audio", "source", "image", "input", "body", "svg"}) {
    loads = loads || (text.has(p + 1, name) && !is_alnum(text.at(p + 1 + name.size())));
  }
  const bool anchor = text.has(p + 1, "a ") || text.has(p + 1, "form");
  if (!loads && !anchor) return;
  for (std::size_t at = p + 2; at < p + kUrlMax / 4; ++at) {
    const char c = text.at(at);
    if (c == '\0' || c == '>') return;
    if (c != '"' && c != '\'' && c != '=' && c != '(') continue;
    if (const Url url = url_at(text, at + 1); url.end != 0) return report(url, loads, hits);
  }
}

}  // namespace

void match_links(Ahead& text, std::size_t p, Hits& hits) {
  if (text.at(p) == ']') {
    match_markdown(text, p, hits);
  } else if (is_alpha(text.at(p + 1))) {
    match_html(text, p, hits);
  }
}

}  // namespace capsem::detect::injection
