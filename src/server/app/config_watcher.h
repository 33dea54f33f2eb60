// Tells when a configuration directory or a file elsewhere has changed: edited in place, replaced
// by an editor's rename, swapped by a mounted ConfigMap's symlink, or deployed as a new directory.
//
// By inotify, so changes that another machine makes on a network file system go unseen.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.h"

namespace capsem::app {

class ConfigWatcher {
 public:
  struct Options {
    std::string directory;
    std::vector<std::string> files{};   // paths of files elsewhere
    std::uint32_t quiet_ms = 200;       // a change is told when none has followed it for this long,
    std::uint32_t patience_ms = 2'000;  // or after this long at the latest
  };

  // `changed` is called on the watcher's thread, and must not destroy the watcher. An error: the
  // system has no more watches to give.
  static Result<std::unique_ptr<ConfigWatcher>> start(Options options,
                                                      std::function<void()> changed);
  ~ConfigWatcher();  // waits for a `changed` in progress
  ConfigWatcher(const ConfigWatcher&) = delete;
  ConfigWatcher& operator=(const ConfigWatcher&) = delete;

 private:
  // What a watched directory's entries may be called to count.
  struct Interest {
    bool any_config_file = false;
    std::set<std::string> names;
  };

  ConfigWatcher(Options options, std::function<void()> changed, int inotify, int stop);

  Status arm();
  Status watch(const std::string& directory, const std::string& name);
  void watch_link_target(const std::string& path);
  bool take_events();
  bool counts(int watch, std::uint32_t mask, std::string_view name) const;
  void run();

  const Options options_;
  const std::function<void()> changed_;
  const int inotify_, stop_;
  std::map<int, Interest> watches_;
  std::map<int, std::string> folders_;  // of watches_, for looking at what was created
  std::thread thread_;
};

}  // namespace capsem::app
