#include "server/app/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capsem::app {
namespace {

using admin::ReloadReport;
using testing::ElementsAre;
using testing::HasSubstr;
using Outcome = ReloadReport::Outcome;

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override { return now_ns; }
  std::int64_t wall_ms() const override { return 0; }
  std::int64_t now_ns = 1'000;
};

// A reload whose steps are told how to go, and that remembers what it put in force.
struct Trial {
  TestClock clock;
  std::int64_t load_ms = 0, test_ms = 0;
  std::string load_error, test_error, looser, put;
  std::int64_t compare_ms = 0;
  bool with_test = true;

  Result<PolicySet> load() {
    clock.now_ns += load_ms * 1'000'000;
    if (!load_error.empty()) return gateway_error("invalid_policy", load_error);
    return compile_policies(std::vector<policy::SourceFile>{{"debug.toml", "enabled = true\n"}});
  }
  ReloadReport run(std::string in_force = "sha256:old", std::int64_t ms_max = 5'000) {
    ReloadSteps steps{.load = [this] { return load(); },
                      .put_in_force = [this](PolicySet set) { put = set.snapshot->revision(); }};
    if (with_test) {
      steps.self_test = [this](const PolicySet& set) -> Status {
        EXPECT_NE(set.snapshot, nullptr);
        EXPECT_EQ(put, "") << "tested before it is put in force";
        clock.now_ns += test_ms * 1'000'000;
        if (!test_error.empty()) return gateway_error("failing_test", test_error);
        return {};
      };
    }
    steps.loosening = [this](const PolicySet&) -> Status {
      EXPECT_EQ(put, "") << "compared before it is put in force";
      clock.now_ns += compare_ms * 1'000'000;
      if (!looser.empty()) return client_error("policies_loosened", looser);
      return {};
    };
    return reload_once(steps, {.revision = std::move(in_force), .ms_max = ms_max}, clock);
  }
};

TEST(ReloadOnce, Item14_PutsWhatLoadsInForce) {
  for (const bool with_test : {true, false}) {
    Trial trial;
    trial.with_test = with_test;
    const auto report = trial.run();
    EXPECT_EQ(report.outcome, Outcome::Done);
    EXPECT_THAT(trial.put, testing::StartsWith("sha256:"));
    EXPECT_TRUE(report.errors.empty());
  }
}

TEST(ReloadOnce, Item14_WhatDoesNotLoadIsRefusedWithEveryMessage) {
  Trial trial;
  trial.load_error = "a.toml:1:1: x\nb.toml:2:2: y";
  const auto report = trial.run();
  EXPECT_EQ(report.outcome, Outcome::Refused);
  EXPECT_THAT(report.errors, ElementsAre("a.toml:1:1: x", "b.toml:2:2: y"));
  EXPECT_EQ(trial.put, "");
}

TEST(ReloadOnce, Item14_AFailingTestIsARefusal) {
  Trial trial;
  trial.test_error = "a.toml:9:1: expected block, got allow";
  const auto report = trial.run();
  EXPECT_EQ(report.outcome, Outcome::Refused);
  EXPECT_THAT(report.errors, ElementsAre("a.toml:9:1: expected block, got allow"));
  EXPECT_EQ(trial.put, "");
}

TEST(ReloadOnce, WhatWouldAllowMoreIsARefusalOfItsOwnKind) {
  Trial trial;
  trial.looser = "allowed: model m\nallowed: model n";
  const auto report = trial.run();
  EXPECT_EQ(report.outcome, Outcome::Refused);
  EXPECT_TRUE(report.loosens);
  EXPECT_THAT(report.errors, ElementsAre("allowed: model m", "allowed: model n"));
  EXPECT_EQ(trial.put, "");
  // One that does not load is no comparison's affair.
  trial.load_error = "a.toml:1:1: x";
  EXPECT_FALSE(trial.run().loosens);
}

TEST(ReloadOnce, TheComparisonsTimeCounts) {
  for (const std::int64_t ms : {5'000, 5'001}) {
    Trial trial;
    trial.compare_ms = ms;
    EXPECT_EQ(trial.run().outcome, ms == 5'000 ? Outcome::Done : Outcome::Refused) << ms;
    EXPECT_EQ(trial.put.empty(), ms != 5'000);
  }
}

TEST(ReloadOnce, TheSameRevisionAgainChangesNothing) {
  Trial first;
  first.run();
  Trial again;
  again.test_error = "never asked";
  const auto report = again.run(first.put);
  EXPECT_EQ(report.outcome, Outcome::Unchanged);
  EXPECT_EQ(again.put, "");
}

TEST(ReloadOnce, ItsTimeIsBoundedFromBothSides) {
  struct Case {
    std::int64_t load_ms, test_ms;
    const char* error;  // nullptr: done
  };
  for (const Case& c : {Case{5'000, 0, nullptr}, Case{5'001, 0, "loading"},
                        Case{2'000, 3'000, nullptr}, Case{2'000, 3'001, "testing"}}) {
    Trial trial;
    trial.load_ms = c.load_ms;
    trial.test_ms = c.test_ms;
    const auto report = trial.run();
    if (c.error == nullptr) {
      EXPECT_EQ(report.outcome, Outcome::Done);
      EXPECT_NE(trial.put, "");
    } else {
      EXPECT_EQ(report.outcome, Outcome::Refused);
      ASSERT_EQ(report.errors.size(), 1U);
      EXPECT_THAT(report.errors[0], HasSubstr(c.error));
      EXPECT_EQ(trial.put, "");
    }
  }
}

}  // namespace
}  // namespace capsem::app
