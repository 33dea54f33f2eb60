#include "server/app/config_watcher.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>

namespace capsem::app {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// A directory of its own with a config directory in it, watched with a short quiet time.
class Watched : public testing::Test {
 protected:
  Watched() {
    char name[] = "/tmp/capsem-watch-XXXXXX";
    root_ = ::mkdtemp(name);
    config_ = root_ / "config";
    fs::create_directory(config_);
  }
  ~Watched() override {
    watcher_.reset();
    fs::remove_all(root_);
  }

  void start(std::vector<std::string> files = {}) {
    auto watcher = ConfigWatcher::start({.directory = config_.string(),
                                         .files = std::move(files),
                                         .quiet_ms = 40,
                                         .patience_ms = 400},
                                        [this] { ++told_; });
    ASSERT_TRUE(watcher) << watcher.error().detail;
    watcher_ = std::move(*watcher);
  }
  static void write(const fs::path& path, std::string_view text = "enabled = true\n") {
    std::ofstream(path) << text;
  }
  // How often a change is told from now until nothing more comes.
  int told() {
    const auto until = std::chrono::steady_clock::now() + 2s;
    while (told_ == 0 && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
    std::this_thread::sleep_for(150ms);
    return told_.exchange(0);
  }
  int told_within(std::chrono::milliseconds time) {
    std::this_thread::sleep_for(time);
    return told_.exchange(0);
  }

  fs::path root_, config_;
  std::atomic<int> told_{0};
  std::unique_ptr<ConfigWatcher> watcher_;
};

TEST_F(Watched, EveryWayToChangeAFileIsToldOnce) {
  write(config_ / "a.toml");
  start();
  write(config_ / "a.toml", "enabled = false\n");
  EXPECT_EQ(told(), 1) << "in place";
  write(config_ / "b.toml");
  EXPECT_EQ(told(), 1) << "new";
  write(config_ / ".a.toml.swp");
  write(config_ / "4913");
  fs::rename(config_ / "4913", config_ / "a.toml");
  EXPECT_EQ(told(), 1) << "an editor's rename";
  fs::remove(config_ / "b.toml");
  EXPECT_EQ(told(), 1) << "removed";
  write(root_ / "c.toml");
  fs::rename(root_ / "c.toml", config_ / "c.yaml");
  EXPECT_EQ(told(), 1) << "moved in";
  fs::create_symlink(config_ / "a.toml", config_ / "l.toml");
  EXPECT_EQ(told(), 1) << "linked";
}

TEST_F(Watched, WhatIsNoPolicyIsNotTold) {
  start();
  write(config_ / "notes.txt");
  write(config_ / ".hidden.toml");
  write(root_ / "beside.toml");
  std::ifstream(config_ / "notes.txt").get();
  EXPECT_EQ(told_within(200ms), 0);
}

TEST_F(Watched, ManyChangesAreOneAndEndlessOnesAreToldAtLast) {
  start();
  for (int i = 0; i < 20; ++i) write(config_ / ("p" + std::to_string(i) + ".toml"));
  EXPECT_EQ(told(), 1);
  for (int i = 0; i < 60; ++i) {
    write(config_ / "a.toml");
    std::this_thread::sleep_for(10ms);
  }
  const int during = told_.load();
  EXPECT_GE(during, 1);
  EXPECT_LE(during, 3);
}

// A file that is being written is not read before its writer closes it.
TEST_F(Watched, AnOpenFileIsNotTold) {
  start();
  std::ofstream file(config_ / "a.toml");
  file << "enabled = ";
  file.flush();
  EXPECT_EQ(told_within(200ms), 0);
  file << "true\n";
  file.close();
  EXPECT_EQ(told(), 1);
}

// As kubelet does it: files link through ..data, which is replaced by a rename.
TEST_F(Watched, AConfigMapsSwapIsToldAgainAndAgain) {
  const auto publish = [this](const std::string& version) {
    fs::create_directory(config_ / version);
    write(config_ / version / "pii.toml", version);
    fs::create_symlink(version, config_ / "..data_tmp");
    fs::rename(config_ / "..data_tmp", config_ / "..data");
  };
  publish("..v1");
  fs::create_symlink("..data/pii.toml", config_ / "pii.toml");
  start();
  for (const char* version : {"..v2", "..v3", "..v4"}) {
    publish(version);
    EXPECT_EQ(told(), 1) << version;
  }
}

TEST_F(Watched, FilesElsewhereAreToldAndTheirNeighboursAreNot) {
  fs::create_directory(root_ / "other");
  write(root_ / "other" / "team.yaml");
  start({(root_ / "other" / "team.yaml").string()});
  write(root_ / "other" / "neighbour.yaml");
  EXPECT_EQ(told_within(200ms), 0);
  write(root_ / "other" / "team.yaml", "rules: []\n");
  EXPECT_EQ(told(), 1);
  write(root_ / "other" / "x");
  fs::rename(root_ / "other" / "x", root_ / "other" / "team.yaml");
  EXPECT_EQ(told(), 1);
}

TEST_F(Watched, ALinksTargetIsToldWhereItIs) {
  write(root_ / "real.toml");
  fs::create_symlink(root_ / "real.toml", config_ / "a.toml");
  start();
  write(root_ / "real.toml", "enabled = false\n");
  EXPECT_EQ(told(), 1);
}

TEST_F(Watched, ADirectoryThatIsReplacedIsFollowed) {
  start();
  for (int i = 0; i < 2; ++i) {
    fs::rename(config_, root_ / ("old" + std::to_string(i)));
    fs::create_directory(config_);
    EXPECT_GE(told(), 1);
    write(config_ / "a.toml");
    EXPECT_EQ(told(), 1);
    write(root_ / ("old" + std::to_string(i)) / "a.toml");
    EXPECT_EQ(told_within(150ms), 0);
  }
}

TEST_F(Watched, ADeploymentsLinkIsFollowed) {
  fs::create_directory(root_ / "r1");
  fs::create_directory(root_ / "r2");
  fs::remove(config_);
  fs::create_symlink("r1", config_);
  start();
  fs::create_symlink("r2", root_ / "next");
  fs::rename(root_ / "next", config_);
  EXPECT_GE(told(), 1);
  write(root_ / "r2" / "a.toml");
  EXPECT_EQ(told(), 1);
}

TEST_F(Watched, ItsEndDoesNotWaitForAChange) {
  start();
  const auto began = std::chrono::steady_clock::now();
  watcher_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - began, 1s);
}

}  // namespace
}  // namespace capsem::app
