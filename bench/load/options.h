// What bench_load is told on its command line.
#pragma once

#include <cstdint>
#include <string>

namespace capsem::bench {

struct Options {
  std::string mode;        // "requests", "idle" or "streams"
  std::uint16_t port = 0;  // on 127.0.0.1
  std::string path = "/v1/chat/completions";
  std::string body;               // the request's JSON text
  int connections = 32;           // or streams
  double rate = 0;                // requests: total per second, evenly spread; 0: as fast as can be
  double seconds = 5;             // length of the measured window
  double ramp_per_second = 1000;  // idle, streams: new connections per second
  int sources = 64;  // client addresses 127.0.0.2 ... to come from: spreads per-peer limits
};

// Each mode prints one JSON line per phase on standard output and returns the exit status.
int run_requests(const Options& options);
int run_idle(const Options& options);
int run_streams(const Options& options);

// One chat request's head and body. `key` makes the credential, so that per-key limits are spread.
std::string request_bytes(const Options& options, int key);

}  // namespace capsem::bench
