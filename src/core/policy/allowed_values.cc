#include "core/policy/allowed_values.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/ascii.h"
#include "core/detect/chars.h"
#include "core/policy/pattern.h"

namespace capsem::policy {
namespace {

using detect::Finding;
using detect::RuleId;

class AllowingDetector final : public detect::Detector {
 public:
  struct Allowed {
    RuleId rule = 0;
    std::vector<std::string> values;  // lower case, sorted
    std::vector<Pattern> patterns;
  };

  AllowingDetector(std::unique_ptr<const Detector> inner, std::vector<Allowed> allowed)
      : inner_(std::move(inner)), allowed_(std::move(allowed)) {}

  std::unique_ptr<detect::Scratch> make_scratch() const override { return inner_->make_scratch(); }

  Result<std::size_t> scan(const detect::Window& window, detect::Scratch& scratch,
                           std::vector<Finding>& findings) const override {
    const auto first = static_cast<std::ptrdiff_t>(findings.size());
    auto decided = inner_->scan(window, scratch, findings);
    const auto passes = [&](const Finding& f) {
      return allows(f.rule, window.text.substr(f.begin - window.base, f.end - f.begin));
    };
    findings.erase(std::remove_if(findings.begin() + first, findings.end(), passes),
                   findings.end());
    return decided;
  }

 private:
  bool allows(RuleId rule, std::string_view text) const {
    return std::ranges::any_of(allowed_, [&](const Allowed& allowed) {
      if (allowed.rule != rule) return false;
      return std::ranges::binary_search(allowed.values, ascii_lower(text)) ||
             std::ranges::any_of(allowed.patterns,
                                 [text](const Pattern& p) { return p.found_in(text); });
    });
  }

  const std::unique_ptr<const Detector> inner_;
  const std::vector<Allowed> allowed_;
};

}  // namespace

Result<std::unique_ptr<const detect::Detector>> make_allowing_detector(
    std::unique_ptr<const detect::Detector> inner, std::span<const AllowedRule> allowed) {
  std::vector<AllowingDetector::Allowed> lists;
  for (const AllowedRule& rule : allowed) {
    AllowingDetector::Allowed list{.rule = rule.rule, .values = {}, .patterns = {}};
    for (const std::string& value : rule.source->values) list.values.push_back(ascii_lower(value));
    std::ranges::sort(list.values);
    for (const std::string& text : rule.source->patterns) {
      auto pattern = Pattern::compile(text);
      if (!pattern) return std::unexpected(pattern.error());
      list.patterns.push_back(std::move(*pattern));
    }
    lists.push_back(std::move(list));
  }
  return std::make_unique<const AllowingDetector>(std::move(inner), std::move(lists));
}

}  // namespace capsem::policy
