#include "server/sql/executor.h"

#include <algorithm>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/unit/sql/databases.h"

namespace capsem::sql {
namespace {

using Answer = Result<Connection*>;

class AnExecutor : public BothDatabases {
 protected:
  // What a task sees, as a code; "" for a connection that answers.
  static std::string ask(Executor& executor, std::string_view statement = "SELECT 1") {
    auto told = std::make_shared<std::promise<std::string>>();
    auto answer = told->get_future();
    if (!executor.submit([told, statement](Answer connection) {
          told->set_value(connection ? code_of((*connection)->run(statement))
                                     : connection.error().code);
        })) {
      return "full";
    }
    return answer.get();
  }
};
INSTANTIATE_TEST_SUITE_P(Both, AnExecutor, testing::Values(Kind::Sqlite, Kind::Postgres),
                         name_of_kind);

TEST_P(AnExecutor, RunsTasksInTheirOrderOnOneThread) {
  std::vector<int> order;
  std::vector<std::thread::id> threads;
  {
    Executor executor(target_);
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(executor.submit([&, i](Answer connection) {
        EXPECT_TRUE(connection);
        order.push_back(i);
        threads.push_back(std::this_thread::get_id());
      }));
    }
    EXPECT_EQ(ask(executor), "");
    EXPECT_TRUE(executor.healthy());
  }
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
  EXPECT_EQ(std::count(threads.begin(), threads.end(), threads[0]), 100);
  EXPECT_TRUE(threads[0] != std::this_thread::get_id());
}

TEST_P(AnExecutor, WhatATaskLeavesOpenIsRolledBack) {
  Executor executor(target_);
  EXPECT_EQ(ask(executor, "CREATE TABLE thing (id BIGINT)"), "");
  EXPECT_TRUE(executor.submit([](Answer connection) {
    EXPECT_DONE((*connection)->begin());
    EXPECT_DONE((*connection)->run("INSERT INTO thing VALUES (1)"));
  }));
  EXPECT_TRUE(executor.submit([](Answer connection) {
    EXPECT_EQ(count(**connection, "SELECT count(*) FROM thing"), 0);
    EXPECT_DONE((*connection)->begin());
    EXPECT_DONE((*connection)->run("INSERT INTO thing VALUES (1)"));
    EXPECT_DONE((*connection)->commit());
  }));
  EXPECT_EQ(ask(executor), "");
  EXPECT_EQ(count(*connection_, "SELECT count(*) FROM thing"), 1);
}

TEST_P(AnExecutor, ATaskThatThrowsStopsNobody) {
  Executor executor(target_);
  EXPECT_TRUE(executor.submit([](Answer) { throw std::runtime_error("stop"); }));
  EXPECT_EQ(ask(executor), "");
}

TEST_P(AnExecutor, RefusesWhatIsTooMuch) {
  std::promise<void> begun;
  std::promise<void> go_on;
  Executor executor(target_, 2);
  EXPECT_TRUE(executor.submit([&](Answer) {
    begun.set_value();
    go_on.get_future().wait();
  }));
  begun.get_future().wait();
  int ran = 0;
  const auto task = [&](Answer) { ++ran; };
  EXPECT_TRUE(executor.submit(task));
  EXPECT_TRUE(executor.submit(task));
  EXPECT_FALSE(executor.submit(task));
  go_on.set_value();
  while (ask(executor) == "full") {
  }
  EXPECT_EQ(ran, 2);
}

TEST_P(AnExecutor, TellsWhatWaitsThatItEnds) {
  std::vector<std::string> codes;
  std::promise<void> begun;
  std::promise<void> go_on;
  auto may_go_on = go_on.get_future();
  auto executor = std::make_unique<Executor>(target_, 1'000'000);
  Executor* const same = executor.get();  // reset() takes the pointer first
  EXPECT_TRUE(executor->submit([&](Answer connection) {
    EXPECT_TRUE(connection);
    begun.set_value();
    may_go_on.wait();
    // It ends as soon as it takes no more.
    while (same->submit([](Answer late) { EXPECT_EQ(code_of(late), "store_gone"); })) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(executor->submit([&](Answer connection) { codes.push_back(code_of(connection)); }));
  }
  begun.get_future().wait();
  go_on.set_value();
  executor.reset();
  EXPECT_EQ(codes, std::vector<std::string>(3, "store_gone"));
}

TEST(AnExecutorWithoutDatabase, SaysSoAndFindsItWhenItComes) {
  const Folder folder;
  Target target;
  target.location = folder.path("later/deeper/capsem.db");
  Executor executor(target);
  const auto ask = [&] {
    std::promise<std::string> told;
    EXPECT_TRUE(executor.submit([&](Answer connection) { told.set_value(code_of(connection)); }));
    return told.get_future().get();
  };
  EXPECT_EQ(ask(), "store_io");
  EXPECT_EQ(ask(), "store_io");
  EXPECT_FALSE(executor.healthy());
  std::filesystem::create_directories(folder.path("later/deeper"));
  // Without being asked: nobody may ask before the gateway says that it is ready.
  while (!executor.healthy()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  EXPECT_EQ(ask(), "");
}

}  // namespace
}  // namespace capsem::sql
