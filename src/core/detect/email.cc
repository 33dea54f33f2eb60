#include <algorithm>

#include "core/detect/addresses.h"
#include "core/detect/tlds.h"

namespace capsem::detect {
namespace {

bool local_byte(std::string_view s, std::size_t i) {
  return (class_at(s, i) & kLocal) != 0;
}

bool domain_byte(char c) {
  return (class_of(c) & kDomain) != 0 || c == '_' || is_continuation(c);
}

// Begin of the local part that ends before `at`, or `at`.
std::size_t local_begin(std::string_view s, std::size_t at) {
  const std::size_t floor = at > kEmailLocalMax ? at - kEmailLocalMax : 0;
  std::size_t p = at;
  while (p > floor && local_byte(s, p - 1)) --p;
  // A mailbox begins with a letter or a digit: what stands before is punctuation of the text.
  while (p < at && (class_of(s[p]) & kWord) == 0) ++p;
  return p;
}

bool tld_shape(std::string_view label) {
  if (label.size() < 2) return false;
  if (label.starts_with("xn--")) return true;
  return std::all_of(label.begin(), label.end(),
                     [](char c) { return is_alpha(c) || static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

AnchoredMatch match_email(std::string_view s, std::size_t at) {
  const std::size_t begin = local_begin(s, at);
  if (begin == at || s[at - 1] == '.') return {};
  const std::size_t limit = std::min(s.size(), at + 1 + kEmailDomainMax);
  // The longest run of labels whose last one can be, or better is, a top-level domain.
  AnchoredMatch best;
  unsigned labels = 0;
  for (std::size_t p = at + 1; p < limit;) {
    std::size_t end = p;
    while (end < limit && domain_byte(s[end])) ++end;
    std::size_t label_end = end;
    while (label_end > p && (s[label_end - 1] == '-' || s[label_end - 1] == '_')) --label_end;
    if (label_end == p || s[p] == '-') break;
    const std::string_view label = s.substr(p, label_end - p);
    ++labels;
    if (labels > 1 && tld_shape(label)) {
      const float score = known_tld(label) ? 1.0F : 0.5F;
      if (score >= best.score) best = {begin, label_end, score};
    }
    if (label_end != end || char_at(s, end) != '.') break;
    p = end + 1;
  }
  return best;
}

}  // namespace capsem::detect
