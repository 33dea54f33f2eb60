// Unstreamed requests over keep-alive connections.
//
// With a rate, requests start at random (Poisson) moments whatever the answers do, and one that
// finds every connection busy is timed from the moment it was due: a stalled gateway cannot hide
// its stall by being asked less. Without a rate each connection asks again at once.

#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdio>
#include <deque>
#include <random>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "bench/load/response.h"
#include "bench/load/socket.h"

namespace capsem::bench {
namespace {

struct Connection {
  Fd fd;
  Response response;
  std::string request;
  std::size_t sent = 0;
  std::int64_t started = 0;
};

class Requests {
 public:
  explicit Requests(const Options& options) : options_(options) {}

  int run() {
    prctl(PR_SET_TIMERSLACK, 1);
    connections_.resize(static_cast<std::size_t>(options_.connections));
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
    const auto begin = now_ns();
    const auto warm = begin + 300'000'000;
    const auto end = warm + static_cast<std::int64_t>(options_.seconds * 1e9);
    due_ = begin;
    if (options_.rate == 0) {
      for (std::size_t i = 0; i < connections_.size(); ++i) start(i, now_ns());
    }
    for (auto now = begin; now < end; now = now_ns()) {
      warm_ = now >= warm;
      if (options_.rate > 0) start_due(now);
      for (const auto& event : epoll_.wait(options_.rate > 0 ? std::min(due_, end) : end)) {
        on_ready(static_cast<std::size_t>(event.data.u64));
      }
    }
    std::printf(
        "{\"phase\":\"done\",\"count\":%llu,\"errors\":%llu,\"seconds\":%.3f,\"mean_us\":%.1f,"
        "\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
        static_cast<unsigned long long>(latency_.count()), static_cast<unsigned long long>(errors_),
        options_.seconds,
        latency_.count() ? total_us_ / static_cast<double>(latency_.count()) : 0.0,
        latency_.percentile_us(0.5), latency_.percentile_us(0.9), latency_.percentile_us(0.99),
        latency_.percentile_us(0.999), latency_.max_us());
    return 0;
  }

 private:
  void open(std::size_t i) {
    auto& c = connections_[i];
    c.fd.close();
    c.fd = connect_loopback(options_.port, static_cast<int>(i) % options_.sources);
    if (c.request.empty()) c.request = request_bytes(options_, static_cast<int>(i));
    epoll_.add(c.fd.get(), EPOLLIN | EPOLLOUT | EPOLLET, i);
    if (options_.rate > 0) idle_.push_back(i);
  }

  void start_due(std::int64_t now) {
    while (due_ <= now) {
      waiting_.push_back(due_);
      due_ += static_cast<std::int64_t>(gap_(random_) * 1e9 / options_.rate);
    }
    while (!waiting_.empty() && !idle_.empty()) {
      const auto i = idle_.front();
      idle_.pop_front();
      // Our own late wake-up is not the gateway's latency; a queue in front of it is.
      start(i, queued_ ? waiting_.front() : now_ns());
      waiting_.pop_front();
    }
    queued_ = !waiting_.empty();
  }

  void start(std::size_t i, std::int64_t since) {
    auto& c = connections_[i];
    c.response.reset();
    c.started = since;
    c.sent = 0;
    push(c);
  }

  void push(Connection& c) {
    while (c.sent < c.request.size()) {
      const auto n =
          send(c.fd.get(), c.request.data() + c.sent, c.request.size() - c.sent, MSG_NOSIGNAL);
      if (n <= 0) return;
      c.sent += static_cast<std::size_t>(n);
    }
  }

  void on_ready(std::size_t i) {
    auto& c = connections_[i];
    if (c.started == 0) return;
    push(c);
    bool closed = false;
    for (auto bytes = read_some(c.fd.get(), closed); !bytes.empty();
         bytes = read_some(c.fd.get(), closed)) {
      c.response.feed(bytes, [](std::string_view) {});
      if (c.response.done()) break;
    }
    if (c.response.done() && c.response.status() == 200) {
      const auto took = now_ns() - c.started;
      if (warm_) {
        latency_.add(took);
        total_us_ += static_cast<double>(took) / 1000.0;
      }
    } else if (c.response.done() || c.response.failed() || closed) {
      ++errors_;
    } else {
      return;
    }
    c.started = 0;
    if (closed || !c.response.done()) {
      open(i);
    } else if (options_.rate > 0) {
      idle_.push_back(i);
    }
    if (options_.rate == 0) start(i, now_ns());
  }

  const Options& options_;
  Epoll epoll_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  std::deque<std::int64_t> waiting_;
  bool queued_ = false, warm_ = false;
  std::int64_t due_ = 0;
  std::mt19937_64 random_{1};
  std::exponential_distribution<> gap_{1.0};
  Histogram latency_;
  double total_us_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace

int run_requests(const Options& options) {
  return Requests(options).run();
}

}  // namespace capsem::bench
