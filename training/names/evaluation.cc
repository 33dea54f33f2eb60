#include "training/names/evaluation.h"

#include <cstdio>

#include "core/detect/names.h"

namespace capsem::training {
namespace {

using namespace detect;

std::vector<Span> find(const std::string& text, std::span<const std::int8_t> table) {
  std::vector<Span> found;
  NameReader reader(text, table);
  for (std::size_t p = 0; p < text.size(); ++p) {
    if (!is_upper(text[p]) || word_before(text, p)) continue;
    const Name name = reader.at(p);
    if (!name || name.kind == NameKind::Group) continue;
    found.push_back(
        {name.begin, name.end, name.kind == NameKind::Person ? Tag::Person : Tag::Place});
  }
  return found;
}

bool touches(const Span& span, const std::vector<Span>& others) {
  for (const Span& other : others) {
    if (span.tag == other.tag && span.begin < other.end && other.begin < span.end) return true;
  }
  return false;
}

double ratio(std::size_t part, std::size_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Count count(const std::vector<Sentence>& sentences, Tag tag, std::span<const std::int8_t> table) {
  Count n;
  for (const Sentence& sentence : sentences) {
    const auto found = find(sentence.text, table);
    for (const Span& span : found) {
      if (span.tag != tag) continue;
      ++n.found;
      n.touched_found += touches(span, sentence.spans) ? 1 : 0;
    }
    for (const Span& span : sentence.spans) {
      if (span.tag != tag) continue;
      ++n.labelled;
      n.touched_labelled += touches(span, found) ? 1 : 0;
      for (const Span& other : found) {
        n.right += other.tag == tag && other.begin == span.begin && other.end == span.end ? 1 : 0;
      }
    }
  }
  return n;
}

std::string describe(const Count& n) {
  const double p = ratio(n.right, n.found), r = ratio(n.right, n.labelled);
  const double f1 = p + r == 0 ? 0 : 2 * p * r / (p + r);
  const double f2 = p + r == 0 ? 0 : 5 * p * r / (4 * p + r);
  char text[160];
  std::snprintf(text, sizeof text,
                "%6zu labelled  P %.3f R %.3f F1 %.3f F2 %.3f  overlap P %.3f R %.3f", n.labelled,
                p, r, f1, f2, ratio(n.touched_found, n.found),
                ratio(n.touched_labelled, n.labelled));
  return text;
}

}  // namespace capsem::training
