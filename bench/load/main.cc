// bench_load: the load side of `make bench`. Loopback only. bench/run.py is its only caller.
//
//   bench_load requests|idle|streams --port N --body-file F [--connections N] [--rate R]
//              [--seconds S] [--ramp R] [--sources N]

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string_view>

#include "bench/load/options.h"
#include "bench/load/socket.h"

namespace capsem::bench {
namespace {

std::string read_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool parse(int argc, char** argv, Options& options) {
  if (argc < 2 || argc % 2 != 0) return false;
  options.mode = argv[1];
  for (int i = 2; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const char* value = argv[i + 1];
    if (name == "--port")
      options.port = static_cast<std::uint16_t>(std::atoi(value));
    else if (name == "--body-file")
      options.body = read_file(value);
    else if (name == "--connections")
      options.connections = std::atoi(value);
    else if (name == "--rate")
      options.rate = std::atof(value);
    else if (name == "--seconds")
      options.seconds = std::atof(value);
    else if (name == "--ramp")
      options.ramp_per_second = std::atof(value);
    else if (name == "--sources")
      options.sources = std::atoi(value);
    else
      return false;
  }
  return options.port != 0 && !options.body.empty();
}

}  // namespace

std::string request_bytes(const Options& options, int key) {
  std::string text = "POST " + options.path +
                     " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
                     "\r\nContent-Type: application/json\r\nAccept: */*\r\n"
                     "User-Agent: bench/1\r\nAuthorization: Bearer sk-bench-" +
                     std::to_string(key % 128) +
                     "\r\nContent-Length: " + std::to_string(options.body.size()) + "\r\n\r\n";
  return text.append(options.body);
}

}  // namespace capsem::bench

int main(int argc, char** argv) {
  capsem::bench::Options options;
  if (!capsem::bench::parse(argc, argv, options)) {
    std::fprintf(stderr, "bench_load: see bench/load/main.cc for its arguments\n");
    return 2;
  }
  capsem::bench::raise_file_limit();
  if (options.mode == "requests") return run_requests(options);
  if (options.mode == "idle") return run_idle(options);
  if (options.mode == "streams") return run_streams(options);
  return 2;
}
