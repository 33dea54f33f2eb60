// Detectors on a text that arrives in pieces: the same findings, whatever the cuts, as in one scan;
// every finding within the text; what was settled once is not taken back.
#include <simdjson.h>

#include <algorithm>
#include <tuple>

#include "core/detect/catalog.h"
#include "core/detect/lane.h"
#include "fuzz/policies.h"

namespace capsem::fuzz {
namespace {

using detect::Finding;

auto key(const Finding& f) {
  return std::tuple(f.rule, f.begin, f.end, f.score);
}

std::vector<Finding> sorted(std::vector<Finding> findings) {
  std::ranges::sort(findings, {}, key);
  return findings;
}

std::vector<Finding> scan(const std::vector<std::string_view>& pieces) {
  const detect::Catalog& catalog = all_policies()->catalog();
  static detect::CatalogScratch scratch(catalog);
  detect::Lane lane(catalog, ~detect::DetectorMask{0} >> (detect::kDetectorsMax - catalog.size()));
  std::vector<Finding> findings;
  std::uint64_t decided = 0;
  for (const auto piece : pieces) {
    check(lane.feed(piece, scratch, findings).has_value(), "a detector failed");
    check(lane.decided() >= decided, "decided text became undecided");
    decided = lane.decided();
  }
  check(lane.finish(scratch, findings).has_value(), "a detector failed at the end");
  return sorted(std::move(findings));
}

void same(const std::vector<Finding>& a, const std::vector<Finding>& b, const char* what) {
  if (!std::ranges::equal(a, b, {}, key, key)) {
    for (const auto* list : {&a, &b}) {
      std::fprintf(stderr, "--\n");
      for (const auto& f : *list) {
        std::fprintf(stderr, "%s [%llu,%llu) %.2f\n",
                     std::string(all_policies()->catalog().rule_name(f.rule)).c_str(),
                     static_cast<unsigned long long>(f.begin),
                     static_cast<unsigned long long>(f.end), static_cast<double>(f.score));
      }
    }
    check(false, what);
  }
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  using namespace capsem::fuzz;
  const auto text = as_text(data, size);
  if (!simdjson::validate_utf8(text.data(), text.size())) return 0;  // texts come out of JSON
  const auto whole = scan({text});
  for (const auto& finding : whole) {
    check(finding.begin < finding.end && finding.end <= size, "a finding lies within the text");
    check(finding.end - finding.begin <= detect::kSpanMax, "a finding longer than a view stretches");
    check(finding.score >= 0 && finding.score <= 1, "a score between 0 and 1");
  }
  for (const std::uint64_t way : {0, 1, 2})
    same(whole, scan(cut_text(text, way)), "a cut changes findings");
  return 0;
}
