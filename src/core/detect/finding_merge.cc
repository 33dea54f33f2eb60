#include "core/detect/finding_merge.h"

#include <algorithm>
#include <tuple>

namespace capsem::detect {
namespace {

// The furthest end for each score that findings before have reached: only what no other beats in
// both.
class Front {
 public:
  bool covers(const Finding& f) const {
    return std::ranges::any_of(steps_,
                               [&](const Step& s) { return s.end >= f.end && s.score >= f.score; });
  }
  void add(const Finding& f) {
    std::erase_if(steps_, [&](const Step& s) {
      return s.end <= f.begin || (s.end <= f.end && s.score <= f.score);
    });
    steps_.push_back({f.end, f.score});
  }
  void clear() { steps_.clear(); }

 private:
  struct Step {
    std::uint64_t end;
    float score;
  };
  std::vector<Step> steps_;
};

}  // namespace

void FindingMerge::add(const std::vector<Finding>& findings, std::uint8_t source) {
  for (const Finding& finding : findings) entries_.push_back({finding, source, false});
}

void FindingMerge::drop_covered() {
  std::ranges::sort(entries_, {}, [](const Entry& e) {
    const Finding& f = e.finding;
    return std::tuple(f.rule, f.begin, ~f.end, -f.score, e.source);
  });
  Front own, any;
  RuleId rule = 0;
  std::erase_if(entries_, [&](const Entry& e) {
    if (e.finding.rule != rule) {
      own.clear();
      any.clear();
      rule = e.finding.rule;
    }
    const bool of_view = e.source != 0;
    if ((of_view ? any : own).covers(e.finding)) return true;
    any.add(e.finding);
    if (of_view) own.add(e.finding);
    return false;
  });
}

void FindingMerge::release(std::uint64_t decided, std::vector<Finding>& out) {
  if (entries_.empty()) return;
  drop_covered();
  const auto first = static_cast<std::ptrdiff_t>(out.size());
  for (Entry& entry : entries_) {
    if (entry.told || entry.finding.begin >= decided) continue;
    entry.told = true;
    out.push_back(entry.finding);
  }
  std::stable_sort(out.begin() + first, out.end(),
                   [](const Finding& a, const Finding& b) { return a.begin < b.begin; });
  std::erase_if(entries_, [&](const Entry& e) { return e.told && e.finding.end <= decided; });
}

}  // namespace capsem::detect
