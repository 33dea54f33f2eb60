// The oracle of the targets that look at detectors: the same findings, whatever the cuts, as in one
// scan; every finding within the text; what was settled once is not taken back.
#pragma once

#include <simdjson.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "core/detect/catalog.h"
#include "core/detect/kinds.h"
#include "core/detect/lane.h"
#include "fuzz/support.h"

namespace capsem::fuzz {

// One detector, every kind and score, of a text and of its view of undone encodings.
inline detect::Catalog catalog_of_kinds(
    std::span<const detect::Kind> kinds,
    std::unique_ptr<const detect::Detector> (*make)(const detect::KindOptions&)) {
  detect::Catalog catalog;
  catalog.add(make(every_kind(kinds, catalog)), detect::kFoldedView);
  return catalog;
}

class FindingOracle {
 public:
  // `catalog` outlives the oracle.
  explicit FindingOracle(const detect::Catalog& catalog) : catalog_(catalog), scratch_(catalog) {}

  // What a target hands on, and returns: only UTF-8 is a text, since texts come out of JSON.
  int check_input(const std::uint8_t* data, std::size_t size) {
    const auto text = as_text(data, size);
    if (simdjson::validate_utf8(text.data(), text.size())) check_text(text);
    return 0;
  }

 private:
  using Finding = detect::Finding;

  void check_text(std::string_view text) {
    const auto whole = scan({text});
    for (const auto& finding : whole) {
      check(finding.begin < finding.end && finding.end <= text.size(),
            "a finding lies within the text");
      check(finding.end - finding.begin <= detect::kSpanMax, "a finding longer than may be");
      check(finding.score >= 0 && finding.score <= 1, "a score between 0 and 1");
    }
    for (const std::uint64_t way : {0, 1, 2}) same(whole, scan(cut_text(text, way)));
  }

  static auto key(const Finding& f) { return std::tuple(f.rule, f.begin, f.end, f.score, f.tail); }

  std::vector<Finding> scan(const std::vector<std::string_view>& pieces) {
    detect::Lane lane(catalog_,
                      ~detect::DetectorMask{0} >> (detect::kDetectorsMax - catalog_.size()));
    std::vector<Finding> findings;
    std::uint64_t decided = 0;
    for (const auto piece : pieces) {
      check(lane.feed(piece, scratch_, findings).has_value(), "a detector failed");
      check(lane.decided() >= decided, "decided text became undecided");
      decided = lane.decided();
    }
    check(lane.finish(scratch_, findings).has_value(), "a detector failed at the end");
    std::ranges::sort(findings, {}, key);
    return findings;
  }

  void same(const std::vector<Finding>& a, const std::vector<Finding>& b) const {
    if (std::ranges::equal(a, b, {}, key, key)) return;
    for (const auto* list : {&a, &b}) {
      std::fprintf(stderr, "--\n");
      for (const auto& f : *list) {
        std::fprintf(stderr, "%s [%llu,%llu) %.2f\n",
                     std::string(catalog_.rule_name(f.rule)).c_str(),
                     static_cast<unsigned long long>(f.begin),
                     static_cast<unsigned long long>(f.end), static_cast<double>(f.score));
      }
    }
    check(false, "a cut changes findings");
  }

  const detect::Catalog& catalog_;
  detect::CatalogScratch scratch_;
};

}  // namespace capsem::fuzz
