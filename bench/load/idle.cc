// Opens many connections, asks once on each, and leaves them idle: what does one cost in memory?

#include <sys/socket.h>

#include <cstdio>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/options.h"
#include "bench/load/response.h"
#include "bench/load/socket.h"

namespace capsem::bench {
namespace {

struct Connection {
  Fd fd;
  Response response;
  bool sent = false, answered = false, dead = false;
};

}  // namespace

int run_idle(const Options& options) {
  std::vector<Connection> connections(static_cast<std::size_t>(options.connections));
  Epoll epoll;
  std::size_t opened = 0, alive = 0, dead = 0;
  auto on_ready = [&](std::size_t i) {
    auto& c = connections[i];
    if (c.dead) return;
    if (!c.sent) {
      const auto request = request_bytes(options, static_cast<int>(i));
      c.sent = send(c.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0;
      epoll.change(c.fd.get(), EPOLLIN, i);
      return;
    }
    bool closed = false;
    c.response.feed(read_some(c.fd.get(), closed), [](std::string_view) {});
    if (!c.answered && c.response.done() && c.response.status() == 200) {
      c.answered = true;
      ++alive;
    } else if (closed || c.response.failed() || c.response.done()) {
      c.dead = true;
      ++dead;
      alive -= c.answered ? 1 : 0;
      c.fd.close();
    }
  };
  const auto begin = now_ns();
  const auto gap = 1e9 / options.ramp_per_second;
  const auto give_up =
      begin + static_cast<std::int64_t>(gap * options.connections) + 10'000'000'000;
  while (alive + dead < connections.size() && now_ns() < give_up) {
    const auto target = static_cast<std::size_t>(static_cast<double>(now_ns() - begin) / gap);
    for (; opened < connections.size() && opened <= target; ++opened) {
      auto& c = connections[opened];
      c.fd = connect_loopback(options.port, static_cast<int>(opened) % options.sources);
      if (!c.fd) {
        c.dead = true;
        ++dead;
        continue;
      }
      epoll.add(c.fd.get(), EPOLLOUT, opened);
    }
    for (const auto& event : epoll.wait(now_ns() + 1'000'000)) {
      on_ready(static_cast<std::size_t>(event.data.u64));
    }
  }
  const auto report = [&](const char* phase) {
    std::printf("{\"phase\":\"%s\",\"idle\":%zu,\"errors\":%zu}\n", phase, alive,
                connections.size() - alive);
    std::fflush(stdout);
  };
  report("open");
  const auto end = now_ns() + static_cast<std::int64_t>(options.seconds * 1e9);
  while (now_ns() < end) {
    for (const auto& event : epoll.wait(end)) on_ready(static_cast<std::size_t>(event.data.u64));
  }
  report("done");
  return 0;
}

}  // namespace capsem::bench
