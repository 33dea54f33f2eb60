#include "server/app/log_sink.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace capsem::app {
namespace {

using testing::HasSubstr;

class RealClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return 1'700'000'000'000; }
};

const RealClock kClock;

audit::Record record(std::string id) {
  audit::Record r;
  r.request_id = std::move(id);
  return r;
}

std::vector<std::string> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

class LogSinkFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "log_sink_test.XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }
  std::string path(std::string_view name) const { return (directory_ / name).string(); }

  std::filesystem::path directory_;
};

TEST_F(LogSinkFile, EveryRecordOfEveryThreadIsALineWhenTheSinkIsGone) {
  const std::string file = path("log");
  {
    auto sink = LogSink::open({.path = file}, kClock);
    ASSERT_TRUE(sink) << sink.error().detail;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&sink, t] {
        for (int i = 0; i < 500; ++i) (*sink)->write(record(std::to_string(t * 1000 + i)));
      });
    }
    for (auto& thread : threads) thread.join();
  }
  const auto lines = lines_of(file);
  EXPECT_EQ(lines.size(), 2000U);
  for (const auto& line : lines) {
    EXPECT_EQ(line.front(), '{');
    EXPECT_EQ(line.back(), '}');
  }
}

TEST_F(LogSinkFile, AWriterThatSleepsIsWokenByEachRecord) {
  auto sink = LogSink::open({.path = path("log")}, kClock);
  ASSERT_TRUE(sink);
  for (std::uint64_t i = 1; i <= 5; ++i) {
    (*sink)->write(record("x"));
    for (int wait = 0; wait < 2000 && (*sink)->written() < i; ++wait) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ((*sink)->written(), i);
  }
}

TEST_F(LogSinkFile, WithoutAccessLogOnlyDecisionsAndFaultsAreWritten) {
  const std::string file = path("log");
  {
    auto sink = LogSink::open({.path = file, .every_exchange = false}, kClock);
    ASSERT_TRUE(sink);
    (*sink)->write(record("plain"));
    audit::Record fault = record("fault");
    fault.error_code = "inspection_failed";
    (*sink)->write(fault);
    audit::Record decided = record("decided");
    decided.decisions.push_back({.verdict = policy::Verdict::Log});
    (*sink)->write(decided);
  }
  const auto lines = lines_of(file);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_THAT(lines[0], HasSubstr("fault"));
  EXPECT_THAT(lines[1], HasSubstr("decided"));
}

TEST_F(LogSinkFile, ReopenFollowsARotatedFile) {
  const std::string file = path("log");
  auto sink = LogSink::open({.path = file}, kClock);
  ASSERT_TRUE(sink);
  (*sink)->write(record("before"));
  while ((*sink)->written() < 1) std::this_thread::yield();
  std::filesystem::rename(file, path("log.1"));
  (*sink)->reopen();
  (*sink)->write(record("after"));
  // The first write may have been under way already; the next one cannot be.
  while ((*sink)->written() < 2) std::this_thread::yield();
  (*sink)->write(record("later"));
  sink->reset();
  EXPECT_THAT(lines_of(path("log.1")).front(), HasSubstr("before"));
  EXPECT_THAT(lines_of(file).back(), HasSubstr("later"));
}

TEST_F(LogSinkFile, AFileThatCannotBeOpenedIsAnError) {
  const auto sink = LogSink::open({.path = path("no/such/directory")}, kClock);
  ASSERT_FALSE(sink);
  EXPECT_THAT(sink.error().detail, HasSubstr("No such file"));
}

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(ends_, O_CLOEXEC), 0); }
  ~Pipe() { close_reader(); }
  int writer() const { return ends_[1]; }
  void close_reader() {
    if (ends_[0] >= 0) ::close(ends_[0]);
    ends_[0] = -1;
  }
  std::string read_some() const {
    char buffer[65536];
    const ssize_t size = ::read(ends_[0], buffer, sizeof buffer);
    return {buffer, static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  }

 private:
  int ends_[2] = {-1, -1};
};

TEST(LogSinkPipe, AStuckReaderCostsRecordsNeverTimeAndTheLossIsTold) {
  Pipe pipe;
  LogSink sink({.lines_max = 16, .flush_ms_max = 1000}, pipe.writer(), kClock);
  const auto begin = std::chrono::steady_clock::now();
  constexpr std::uint64_t kRecords = 2000;  // more than the queue and a pipe hold
  for (std::uint64_t i = 0; i < kRecords; ++i) sink.write(record("x"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  EXPECT_GT(sink.dropped(), 0U);

  std::string seen;
  for (int i = 0; i < 1000 && sink.written() + sink.dropped() < kRecords; ++i) {
    seen += pipe.read_some();
  }
  while (seen.find("records_dropped") == std::string::npos) {
    sink.write(record("y"));
    seen += pipe.read_some();
  }
  EXPECT_THAT(seen, HasSubstr(R"("event":"records_dropped","count":)"));
}

TEST(LogSinkPipe, ShutdownDoesNotWaitForAStuckReaderForEver) {
  Pipe pipe;
  const auto begin = std::chrono::steady_clock::now();
  {
    LogSink sink({.flush_ms_max = 200}, pipe.writer(), kClock);
    for (int i = 0; i < 2000; ++i) sink.write(record("x"));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

TEST(LogSinkPipe, ABrokenPipeIsCountedAndDoesNotEndTheProgram) {
  ::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  pipe.close_reader();
  LogSink sink({}, pipe.writer(), kClock);
  sink.write(record("x"));
  for (int i = 0; i < 2000 && sink.dropped() == 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(sink.dropped(), 1U);
}

}  // namespace
}  // namespace capsem::app
