// The one thread on which policies are read and compiled anew, so that no loop waits for it. Asked
// many times at once, it runs once: whoever asked before a run began gets that run's report.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/admin/admin.h"

namespace capsem::app {

class ReloadThread {
 public:
  // One whole reload. `cause` names all who asked: "SIGHUP, file change".
  using Run = std::function<admin::ReloadReport(const std::string& cause)>;
  using Answer = std::function<void(const admin::ReloadReport&)>;

  explicit ReloadThread(Run run);
  // Waits for the run in progress. What was asked for and not begun is not done, and its askers
  // hear nothing.
  ~ReloadThread();
  ReloadThread(const ReloadThread&) = delete;
  ReloadThread& operator=(const ReloadThread&) = delete;

  // `answer` is called on the reload thread after a run that began after this call.
  void request(std::string cause, Answer answer = {});

 private:
  struct Wish {
    std::string cause;
    Answer answer;
  };

  void work();

  const Run run_;
  std::mutex mutex_;  // guards the two below
  std::vector<Wish> wishes_;
  bool ending_ = false;
  std::condition_variable asked_;
  std::thread thread_;
};

}  // namespace capsem::app
