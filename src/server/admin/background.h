// One piece of work at a time that takes too long for the database's thread: proving the audit's
// chain.
//
// Thread-safe.
#pragma once

#include <functional>
#include <mutex>
#include <thread>

namespace capsem::admin {

class Background {
 public:
  Background() = default;
  ~Background() { stop(); }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // False, and nothing begun: other work is not done yet, or stop() was called.
  bool start(std::function<void()> work);
  // Waits for what was begun. MUST NOT be called by the work itself.
  void stop();

 private:
  std::mutex lock_;  // guards all below
  std::thread thread_;
  bool busy_ = false, stopped_ = false;
};

}  // namespace capsem::admin
