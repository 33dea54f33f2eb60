#include "server/app/reload_thread.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>

namespace capsem::app {
namespace {

using admin::ReloadReport;

ReloadReport numbered(int n) {
  ReloadReport report;
  report.at = std::to_string(n);
  return report;
}

TEST(ReloadThread, AnswersOnItsOwnThreadWithTheReport) {
  std::promise<std::thread::id> ran_on;
  ReloadThread reloads([&](const std::string& cause) {
    ran_on.set_value(std::this_thread::get_id());
    ReloadReport report = numbered(1);
    report.cause = cause;
    return report;
  });
  std::promise<ReloadReport> answered;
  reloads.request("SIGHUP", [&](const ReloadReport& report) { answered.set_value(report); });
  EXPECT_EQ(answered.get_future().get().cause, "SIGHUP");
  EXPECT_NE(ran_on.get_future().get(), std::this_thread::get_id());
}

// Ten wishes during a run are one further run, which began after all of them.
TEST(ReloadThread, WishesDuringARunShareTheNextOne) {
  std::atomic<int> runs{0};
  std::latch begun(1), go(1);
  ReloadThread reloads([&](const std::string& cause) {
    const int run = ++runs;
    if (run == 1) {
      begun.count_down();
      go.wait();
    }
    ReloadReport report = numbered(run);
    report.cause = cause;
    return report;
  });
  std::promise<ReloadReport> first;
  reloads.request("first", [&](const ReloadReport& report) { first.set_value(report); });
  begun.wait();
  std::vector<std::promise<ReloadReport>> later(10);
  for (std::size_t i = 0; i < later.size(); ++i) {
    reloads.request(i % 2 == 0 ? "file change" : "admin API",
                    [&, i](const ReloadReport& report) { later[i].set_value(report); });
  }
  go.count_down();
  EXPECT_EQ(first.get_future().get().at, "1");
  for (auto& promise : later) {
    const ReloadReport report = promise.get_future().get();
    EXPECT_EQ(report.at, "2");
    EXPECT_EQ(report.cause, "file change, admin API");
  }
  EXPECT_EQ(runs, 2);
}

TEST(ReloadThread, ItsEndWaitsForTheRunInProgressAndBeginsNoOther) {
  std::atomic<int> runs{0}, answers{0};
  std::latch begun(1);
  {
    ReloadThread reloads([&](const std::string&) {
      if (++runs == 1) begun.count_down();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      return numbered(1);
    });
    reloads.request("a", [&](const ReloadReport&) { ++answers; });
    begun.wait();
    reloads.request("b", [&](const ReloadReport&) { ++answers; });
  }
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(answers, 1);
}

TEST(ReloadThread, AWishWithoutAnAnswerIsDoneToo) {
  std::promise<void> ran;
  ReloadThread reloads([&](const std::string&) {
    ran.set_value();
    return numbered(1);
  });
  reloads.request("SIGHUP");
  EXPECT_EQ(ran.get_future().wait_for(std::chrono::seconds(5)), std::future_status::ready);
}

}  // namespace
}  // namespace capsem::app
