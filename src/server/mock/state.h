// What all connections of one mock share: what was received, what was preloaded, what is open.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/mock/reply.h"

namespace capsem::mock {

struct Recorded {
  std::string method, target;
  std::vector<std::pair<std::string, std::string>> headers;  // as received, in order
  std::string body;
};

// An answer preloaded by POST /mock/script.
struct Script {
  std::string model, path;      // both empty: the next request
  std::uint32_t uses_left = 1;  // 0: any number
  std::string directives;       // empty: `reply` is the answer
  Reply reply;
};

// Thread-safe.
class State {
 public:
  explicit State(bool record) : record_(record) {}

  bool records() const { return record_; }
  void record(Recorded request);
  std::string recorded_json() const;
  void forget();

  // Reads the body of POST /mock/script; an empty string, or what is wrong with it.
  std::string add_script(std::string_view json);
  std::optional<Script> script_for(std::string_view model, std::string_view path);

  std::atomic<std::int64_t> open{0};  // requests whose answer has not ended
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::uint64_t> requests{0};

 private:
  const bool record_;
  mutable std::mutex mutex_;  // protects what follows
  std::vector<Recorded> recorded_;
  std::vector<Script> scripts_;
  std::atomic<bool> has_scripts_{false};  // spares the lock where nothing is preloaded
};

}  // namespace capsem::mock
