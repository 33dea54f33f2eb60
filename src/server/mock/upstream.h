// The mock provider as an object: for the demo, for tests in C++, and behind
// `capsem mock-upstream`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace capsem::mock {

struct MockOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;  // 0: any free one
  std::uint32_t threads = 1;
  bool record = true;  // keep requests for GET /mock/requests
};

// Runs on its own threads, which end with it.
class MockUpstream {
 public:
  MockUpstream();
  ~MockUpstream();
  MockUpstream(const MockUpstream&) = delete;
  MockUpstream& operator=(const MockUpstream&) = delete;

  // Listens and begins to answer; false when the address cannot be had.
  bool start(const MockOptions& options = {});
  std::uint16_t port() const;
  // Requests received, control paths not counted.
  std::uint64_t requests() const;
  void stop();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// `capsem mock-upstream ARGS`: prints the address it listens on, serves until SIGINT or SIGTERM.
int run_mock_upstream(std::span<const std::string> args);

}  // namespace capsem::mock
