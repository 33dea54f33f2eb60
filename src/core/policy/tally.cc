#include "core/policy/tally.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "core/policy/judge.h"

namespace capsem::policy {
namespace {

struct Scored {
  const Hit* hit;
  float score;
};

bool reported_before(const Scored& a, const Scored& b) {
  if (a.score != b.score) return a.score > b.score;
  return std::tie(a.hit->order, a.hit->begin) < std::tie(b.hit->order, b.hit->begin);
}

Scored first_of(const Tally& tally) {
  return {tally.first, tally.first_score};
}

void count(Tally& tally, const Scored& found) {
  ++tally.count;
  tally.score_sum += static_cast<double>(found.score);
  if (tally.first != nullptr && !reported_before(found, first_of(tally))) return;
  tally.first = found.hit;
  tally.first_score = found.score;
}

// The tally of repeating texts alone: the fullest copy, the first of equally full ones.
Tally tally_repeats(const Sought& what, std::span<const Scored> repeats) {
  std::vector<std::pair<std::uint16_t, Tally>> copies;
  for (const Scored& found : repeats) {
    auto copy = std::ranges::find(copies, found.hit->field, [](const auto& c) { return c.first; });
    if (copy == copies.end()) {
      copies.emplace_back(found.hit->field, Tally{.what = &what});
      copy = copies.end() - 1;
    }
    count(copy->second, found);
  }
  return std::ranges::max_element(copies, {}, [](const auto& c) { return c.second.count; })->second;
}

}  // namespace

std::vector<Tally> tally(const Head& head, const Unit& unit, std::span<const Sought> sought,
                         float threshold) {
  std::vector<Tally> tallies;
  std::vector<Scored> repeats;
  for (const Sought& what : sought) {
    Tally tally{.what = &what};
    repeats.clear();
    for (const Hit& hit : unit.hits) {
      if (hit.rule != what.rule) continue;
      const Scored found{&hit, std::min(hit.score * what.weight, 1.0F)};
      if (found.score < threshold || !counts(head, unit, hit)) continue;
      if (hit.repeat) {
        repeats.push_back(found);
      } else {
        count(tally, found);
      }
    }
    if (tally.count == 0 && !repeats.empty()) tally = tally_repeats(what, repeats);
    if (tally.count > 0) tallies.push_back(tally);
  }
  std::ranges::sort(tallies, [](const Tally& a, const Tally& b) {
    if (reported_before(first_of(a), first_of(b))) return true;
    return !reported_before(first_of(b), first_of(a)) && a.what < b.what;
  });
  return tallies;
}

std::optional<Decision> decide(const Unit& unit, const Head& head, std::span<const Tally> tallies,
                               const Wording& wording, IdSource& ids) {
  const auto worst = std::ranges::max_element(
      tallies, {}, [](const Tally& tally) { return strictness(tally.what->verdict); });
  if (worst == tallies.end() || worst->what->verdict == Verdict::Allow) return std::nullopt;

  Decision decision = decision_on(unit, head, ids);
  decision.rule = worst->what->name;
  decision.verdict = worst->what->verdict;
  decision.reason = wording.reason;
  decision.details = fmt::format("{} detected in {}: ", wording.what, wording.where);
  std::string_view separator;
  for (const Tally& tally : tallies) {
    decision.details +=
        fmt::format("{}{}(count={}, score={:.2f}, action={})", separator, tally.what->name,
                    tally.count, tally.score_sum / tally.count, to_string(tally.what->verdict));
    separator = ", ";
  }
  return decision;
}

}  // namespace capsem::policy
