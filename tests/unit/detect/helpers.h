// What the tests of the detect floor share: findings as short text, scans in pieces.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "core/detect/catalog.h"
#include "core/detect/entity.h"
#include "core/detect/keyword.h"
#include "core/detect/lane.h"

namespace capsem::detect::testing {

inline PiiOptions all_types(Catalog& catalog, bool context = true, float score_min = 0) {
  PiiOptions options;
  options.context = context;
  options.score_min = score_min;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    options.enabled[i] = true;
    options.rules[i] = catalog.add_rule(std::string(to_string(static_cast<EntityType>(i))));
  }
  return options;
}

inline PiiOptions only(Catalog& catalog, EntityType type, bool context = false) {
  PiiOptions options = all_types(catalog, context);
  options.enabled.fill(false);
  options.enabled[static_cast<std::size_t>(type)] = true;
  return options;
}

inline std::vector<Finding> block_scan(const Catalog& catalog, std::string_view text) {
  CatalogScratch scratch(catalog);
  std::vector<Finding> found;
  EXPECT_TRUE(scan_all(catalog, ~DetectorMask{0}, scratch, text, found));
  return found;
}

inline void sort_findings(std::vector<Finding>& found) {
  std::sort(found.begin(), found.end(), [](const Finding& a, const Finding& b) {
    return std::tie(a.begin, a.end, a.rule, a.score) < std::tie(b.begin, b.end, b.rule, b.score);
  });
}

// "EMAIL_ADDRESS 3-18 1.00", one line each.
inline std::string show(const Catalog& catalog, std::vector<Finding> found) {
  sort_findings(found);
  std::string out;
  for (const auto& f : found) {
    char numbers[64];
    std::snprintf(numbers, sizeof numbers, " %llu-%llu %.2f",
                  static_cast<unsigned long long>(f.begin), static_cast<unsigned long long>(f.end),
                  static_cast<double>(f.score));
    out += std::string(catalog.rule_name(f.rule)) + numbers + "\n";
  }
  return out;
}

// Feeds `text` cut before each offset of `cuts` and checks what a lane promises on the way.
inline std::vector<Finding> scan_pieces(const Catalog& catalog, std::string_view text,
                                        const std::vector<std::size_t>& cuts) {
  CatalogScratch scratch(catalog);
  const auto mask = static_cast<DetectorMask>((std::uint64_t{1} << catalog.size()) - 1);
  const bool viewed = (catalog.viewers(View::Folded) | catalog.viewers(View::Skeleton)) != 0;
  const std::size_t open_max = viewed ? kSpanMax : kLookAhead;
  Lane lane(catalog, mask);
  std::vector<Finding> found;
  std::size_t at = 0;
  std::uint64_t decided = 0;
  for (std::size_t i = 0; i <= cuts.size(); ++i) {
    const std::size_t end = i < cuts.size() ? cuts[i] : text.size();
    EXPECT_TRUE(lane.feed(text.substr(at, end - at), scratch, found));
    EXPECT_EQ(lane.received(), end);
    EXPECT_GE(lane.decided(), decided);
    EXPECT_LE(lane.received() - lane.decided(), open_max);
    decided = lane.decided();
    at = end;
  }
  EXPECT_TRUE(lane.finish(scratch, found));
  EXPECT_EQ(lane.decided(), text.size());
  return found;
}

inline std::vector<std::size_t> random_cuts(std::mt19937& random, std::size_t size,
                                            std::size_t piece_max) {
  std::vector<std::size_t> cuts;
  for (std::size_t at = 0;;) {
    at += 1 + random() % piece_max;
    if (at >= size) return cuts;
    cuts.push_back(at);
  }
}

}  // namespace capsem::detect::testing
