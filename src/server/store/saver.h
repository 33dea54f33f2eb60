// A thread that writes what changed in memory to the database, now and then: counters, tool pins.
// What it is given is asked every `every`, and a last time when it ends.
//
// When the database does not answer, the next attempt comes after the same pause; what was not
// written is the savers' own to keep.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/sql/database.h"

namespace capsem::store {

struct Saved {
  std::string name;  // for the log
  std::chrono::milliseconds every{10'000};
  std::function<Status(sql::Connection&)> save;
};

class Saver {
 public:
  Saver(sql::Target target, std::vector<Saved> what);
  ~Saver();  // saves everything once more
  Saver(const Saver&) = delete;
  Saver& operator=(const Saver&) = delete;

  std::uint64_t failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void work();
  void save(std::size_t which);

  // Constant after construction.
  const sql::Target target_;
  const std::vector<Saved> what_;

  std::atomic<std::uint64_t> failures_{0};

  // Of the thread alone.
  std::unique_ptr<sql::Connection> connection_;
  std::vector<Clock::time_point> due_;
  std::vector<std::string> last_failures_;  // codes, in the order of what_; empty: none

  std::mutex lock_;
  std::condition_variable wake_;
  bool stopping_ = false;  // protected by lock_

  std::thread thread_;  // last: it uses everything above
};

}  // namespace capsem::store
