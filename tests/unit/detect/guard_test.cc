// Scanning with a guard: failures, deadlines, and a slice at a time.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "core/detect/catalog.h"
#include "core/policy/snapshot.h"

namespace capsem::detect {
namespace {

class StillClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t wall_ms() const override { return 0; }
  std::int64_t now_ns = 5;
};

std::shared_ptr<const policy::Snapshot> snapshot() {
  policy::PiiPolicy pii;
  for (const EntityType type : {EntityType::EmailAddress, EntityType::CreditCard}) {
    pii.entities[static_cast<std::size_t>(type)] = {true, policy::Verdict::Block};
  }
  return *policy::Snapshot::freeze({policy::KeywordPolicy{}, pii}, "r");
}

std::vector<std::tuple<RuleId, std::uint64_t, std::uint64_t>> places(
    const std::vector<Finding>& findings) {
  std::vector<std::tuple<RuleId, std::uint64_t, std::uint64_t>> all;
  for (const Finding& f : findings) all.emplace_back(f.rule, f.begin, f.end);
  return all;
}

TEST(ScanGuard, ATextInSlicesGivesWhatItGivesAsAWhole) {
  const auto policies = snapshot();
  const Catalog& catalog = policies->catalog();
  CatalogScratch scratch(catalog);
  const StillClock clock;
  std::mt19937 random(9);
  const std::string planted[] = {"capsem_block", "jane.doe@example.com", "4111 1111 1111 1111",
                                 std::string(1, '\0')};
  for (int round = 0; round < 40; ++round) {
    std::string text(2 * ScanGuard::kSliceBytes + random() % 2'000, ' ');
    // Around the borders of slices, at every distance in turn, and anywhere.
    for (int i = 0; i < 40; ++i) {
      const std::string& word = planted[random() % std::size(planted)];
      std::size_t at = random() % (text.size() - 64);
      if (i < 20) {
        at = (1 + random() % 2) * ScanGuard::kSliceBytes - 30 + random() % 60;
        at = std::min(at, text.size() - 64);
      }
      text.replace(at, word.size(), word);
    }
    std::vector<Finding> whole, sliced;
    ASSERT_TRUE(scan_all(catalog, 3, scratch, text, whole));
    ScanGuard guard{.clock = &clock, .until_ns = 5};
    scan_all(catalog, 3, scratch, text, sliced, guard);
    EXPECT_EQ(guard.failed, 0u);
    EXPECT_GT(whole.size(), 3u);
    ASSERT_EQ(places(sliced), places(whole));
  }
}

TEST(ScanGuard, ADeadlineIsMetOrPassed) {
  const auto policies = snapshot();
  CatalogScratch scratch(policies->catalog());
  const StillClock clock;
  const std::string text = std::string(2 * ScanGuard::kSliceBytes, ' ') + "a@b.com";
  std::vector<Finding> findings;
  ScanGuard met{.clock = &clock, .until_ns = 5};
  scan_all(policies->catalog(), 3, scratch, text, findings, met);
  EXPECT_EQ(met.failed, 0u);
  EXPECT_EQ(findings.size(), 1u);
  findings.clear();
  ScanGuard passed{.clock = &clock, .until_ns = 4};
  scan_all(policies->catalog(), 3, scratch, text, findings, passed);
  EXPECT_EQ(passed.failed, 3u);
  EXPECT_TRUE(findings.empty());
  // What has failed once is not tried again, and a text of one slice is never late.
  scan_all(policies->catalog(), 3, scratch, "a@b.com", findings, passed);
  EXPECT_TRUE(findings.empty());
  ScanGuard small{.clock = &clock, .until_ns = 4};
  scan_all(policies->catalog(), 3, scratch, "a@b.com", findings, small);
  EXPECT_EQ(small.failed, 0u);
  EXPECT_EQ(findings.size(), 1u);
}

}  // namespace
}  // namespace capsem::detect
