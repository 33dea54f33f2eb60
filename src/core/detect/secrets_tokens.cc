#include "core/detect/secrets_tokens.h"

#include "core/detect/chars.h"
#include "core/detect/secrets_quality.h"
#include "core/detect/secrets_triggers.h"

namespace capsem::detect::secrets {
namespace {

constexpr float kWeaker = 0.15F;  // what a token loses that a check finds doubtful

constexpr std::size_t kLettersMax = 8;  // of one case that such a token may begin with

// Where a shape begins with a class alone, any word might be its beginning. A word is told from a
// token by its first bytes, all in lower case; behind a blank that follows no operator by the first
// one, so that text is not held back for each of its words.
bool begins_like_prose(Probe& probe, std::size_t p) {
  const std::string_view text = probe.text();
  if (!is_lower(text[p])) return false;
  if (p > 0 && text[p - 1] == ' ') {
    const char before = char_before(text, p - 1);
    return before == '\0' || std::string_view("=:>").find(before) == std::string_view::npos;
  }
  std::size_t i = p;
  while (i < p + kLettersMax && is_lower(probe.at(i))) ++i;
  return i == p + kLettersMax;
}

}  // namespace

TokenShapes::TokenShapes() {
  for (const TokenFamily& family : token_families()) {
    rows_.push_back({Shape(family.shape), &family, kind_index(family.name),
                     family.shape.find(".com/") != std::string_view::npos});
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    for (std::size_t c = 0; c < by_first_.size(); ++c) {
      if (!rows_[i].shape.may_begin(static_cast<char>(c))) continue;
      const auto row = static_cast<std::uint16_t>(i);
      if (!rows_[i].shape.begins_with_literal()) {
        by_first_[c].classes.push_back(row);
        continue;
      }
      const Head head = rows_[i].shape.head();
      by_first_[c].literals.push_back({head, row});
      const auto second = static_cast<unsigned>(head.bytes >> 8 & 127);
      by_first_[c].seconds[second / 64] |= std::uint64_t{1} << second % 64;
    }
  }
}

// A second byte that has not arrived may be any.
bool TokenShapes::Group::has_second(const Head& head) const {
  const auto second = static_cast<unsigned>(head.bytes >> 8 & 127);
  return (seconds[second / 64] >> second % 64 & 1) != 0 || (head.mask >> 8 & 1) == 0;
}

std::optional<Hit> TokenShapes::match_row(const Row& row, Probe& probe, std::size_t p) const {
  const auto match = row.shape.match(probe, p);
  if (!match) return std::nullopt;
  const std::string_view token = probe.slice(p, match->end);
  const std::string_view body = probe.slice(match->body, match->end);
  if (!body.empty() && entropy(body) < row.family->entropy) return std::nullopt;
  const Likeness likely = body.empty() ? Likeness::Secret : likeness(body);
  if (likely == Likeness::Placeholder) return std::nullopt;
  Hit hit{row.kind, p, match->end, row.family->score, match->cut ? Tail::Token : Tail::None};
  switch (verify(row.family->check, probe.text(), p, token, body)) {
    case Verdict::Refused:
      return std::nullopt;
    case Verdict::Weak:
      hit.score -= kWeaker;
      break;
    case Verdict::Proven:
      hit.score = 1;
      return hit;
    case Verdict::Unproven:
      break;
  }
  if (likely == Likeness::Sample) hit.score = kSampleScore;
  return hit;
}

void TokenShapes::better(std::optional<Hit>& best, const Row& row, Probe& probe,
                         std::size_t p) const {
  if (probe.asked_for_more()) return;
  const auto hit = match_row(row, probe, p);
  if (hit && (!best || hit->score > best->score)) best = hit;
}

std::optional<Hit> TokenShapes::match(Probe& probe, std::size_t p) const {
  const std::string_view text = probe.text();
  const auto first = static_cast<unsigned char>(text[p]);
  if (first >= by_first_.size()) return std::nullopt;
  const Group& group = by_first_[first];
  const bool behind_dot = p >= 2 && text[p - 1] == '.' && is_word_byte(text[p - 2]);
  std::optional<Hit> best;
  const Head head = read_head(text.substr(p));
  if (group.has_second(head)) {
    for (const Literal& literal : group.literals) {
      const Row& row = rows_[literal.row];
      if (literal.head.fits(head) && !(behind_dot && !row.is_host)) better(best, row, probe, p);
    }
  }
  if (!behind_dot && !group.classes.empty() && !begins_like_prose(probe, p)) {
    for (const std::uint16_t i : group.classes) {
      if (rows_[i].shape.plausible(text, p)) better(best, rows_[i], probe, p);
    }
  }
  return probe.asked_for_more() ? std::nullopt : best;
}

}  // namespace capsem::detect::secrets
