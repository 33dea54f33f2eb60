// A running gateway with what belongs to it: policies, log, admin answers. Built from settings,
// driven by serve's signals; the demo runs one too.
//
// Thread-safe: admin_answer() is called from the gateway's first loop, everything else by one
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/app/log_sink.h"
#include "server/app/policy_set.h"
#include "server/app/system_clock.h"
#include "server/proxy/gateway.h"

namespace capsem::app {

class Service {
 public:
  // Opens the log, the listeners, and starts the loops. An error leaves nothing running.
  static Result<std::unique_ptr<Service>> start(const proxy::Settings& settings,
                                                PolicySet policies);

  proxy::Gateway& gateway() { return *gateway_; }
  const std::vector<std::string>& enabled() const { return enabled_; }

  // Reads the configuration directory anew and opens the log file anew. A directory that cannot be
  // loaded changes nothing: the last good policies stay, and the error says why.
  Status reload();

 private:
  explicit Service(const proxy::Settings& settings) : settings_(settings) {}

  proxy::AdminReply admin_answer(std::string_view method, std::string_view path);
  std::string metrics();

  // Constant after start().
  const proxy::Settings settings_;
  SystemClock clock_;
  std::unique_ptr<LogSink> log_;
  std::vector<std::string> enabled_;

  std::mutex revision_lock_;  // guards revision_, read by /metrics, written by a reload
  std::string revision_;
  std::atomic<std::uint64_t> reloads_{0}, reloads_failed_{0};

  std::unique_ptr<proxy::Gateway> gateway_;  // last: its loops end before what they use does
};

}  // namespace capsem::app
