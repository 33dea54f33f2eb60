// Many streams open at once. Every event carries the provider's clock ("fp_" and 16 hexadecimal
// digits of nanoseconds), so an event's way through the gateway is timed without a second run.
//
// Phases, one JSON line each: "open" when every stream has its first event, "done" after the
// measured window. What lies between the two lines is steady load.

#include <sys/socket.h>

#include <charconv>
#include <cstdio>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/histogram.h"
#include "bench/load/options.h"
#include "bench/load/response.h"
#include "bench/load/socket.h"

namespace capsem::bench {
namespace {

constexpr std::string_view kMark = "fp_";
constexpr std::size_t kDigits = 16;

struct Stream {
  Fd fd;
  Response response;
  std::string tail;  // the end of what was read, in case a time stamp is cut
  std::int64_t asked = 0;
  bool sent = false, first = false, dead = false;
};

class Streams {
 public:
  explicit Streams(const Options& options)
      : options_(options), streams_(static_cast<std::size_t>(options.connections)) {}

  int run() {
    const auto begin = now_ns();
    const auto gap = 1e9 / options_.ramp_per_second;
    const auto give_up =
        begin + static_cast<std::int64_t>(gap * options_.connections) + 15'000'000'000;
    std::size_t opened = 0;
    while (started_ + dead_ < streams_.size() && now_ns() < give_up) {
      const auto target = static_cast<std::size_t>(static_cast<double>(now_ns() - begin) / gap);
      for (; opened < streams_.size() && opened <= target; ++opened) open(opened);
      poll(now_ns() + 1'000'000);
    }
    settle(300'000'000);
    steady_ = true;
    report("open");
    events_ = 0;
    const auto steady_begin = now_ns();
    settle(static_cast<std::int64_t>(options_.seconds * 1e9));
    seconds_ = static_cast<double>(now_ns() - steady_begin) / 1e9;
    report("done");
    return 0;
  }

 private:
  void open(std::size_t i) {
    auto& s = streams_[i];
    s.fd = connect_loopback(options_.port, static_cast<int>(i) % options_.sources);
    if (!s.fd) return die(s);
    s.asked = now_ns();
    epoll_.add(s.fd.get(), EPOLLOUT, i);
  }

  void settle(std::int64_t ns) {
    const auto end = now_ns() + ns;
    while (now_ns() < end) poll(end);
  }

  void poll(std::int64_t deadline) {
    for (const auto& event : epoll_.wait(deadline))
      on_ready(static_cast<std::size_t>(event.data.u64));
  }

  void on_ready(std::size_t i) {
    auto& s = streams_[i];
    if (s.dead) return;
    if (!s.sent) {
      const auto request = request_bytes(options_, static_cast<int>(i));
      s.sent = send(s.fd.get(), request.data(), request.size(), MSG_NOSIGNAL) > 0;
      s.asked = now_ns();
      epoll_.change(s.fd.get(), EPOLLIN, i);
      return;
    }
    bool closed = false;
    const auto bytes = read_some(s.fd.get(), closed);
    s.response.feed(bytes, [&](std::string_view body) { on_body(s, body); });
    const bool refused = s.response.status() != 0 && s.response.status() != 200;
    if (closed || s.response.failed() || s.response.done() || refused) die(s);
  }

  void on_body(Stream& s, std::string_view body) {
    joined_.assign(s.tail).append(body);
    const auto rest = std::string_view(joined_).substr(scan(s, joined_, now_ns()));
    constexpr auto kMost = kMark.size() + kDigits - 1;
    s.tail.assign(rest.substr(rest.size() - std::min(rest.size(), kMost)));
  }

  // Counts the time stamps that are whole; returns how far it is done.
  std::size_t scan(Stream& s, std::string_view text, std::int64_t now) {
    std::size_t done = 0;
    for (auto at = text.find(kMark); at != std::string_view::npos; at = text.find(kMark, at + 1)) {
      const auto digits = text.substr(at + kMark.size(), kDigits);
      if (digits.size() < kDigits) break;
      std::int64_t then = 0;
      const auto [end, error] =
          std::from_chars(digits.data(), digits.data() + digits.size(), then, 16);
      if (error != std::errc{} || end != digits.data() + kDigits) continue;
      done = at + kMark.size() + kDigits;
      on_event(s, then, now);
    }
    return done;
  }

  void on_event(Stream& s, std::int64_t then, std::int64_t now) {
    ++events_;
    if (!s.first) {
      s.first = true;
      ++started_;
      first_.add(now - s.asked);
    }
    if (steady_) latency_.add(now - then);
  }

  void die(Stream& s) {
    if (s.dead) return;
    s.dead = true;
    s.fd.close();
    ++dead_;
    if (s.first) --started_;
  }

  void report(const char* phase) const {
    std::printf(
        "{\"phase\":\"%s\",\"open\":%zu,\"errors\":%zu,\"events\":%llu,\"seconds\":%.3f,"
        "\"first_p50_us\":%.1f,\"first_p99_us\":%.1f,\"p50_us\":%.1f,\"p90_us\":%.1f,"
        "\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f}\n",
        phase, started_, dead_ + (streams_.size() - started_ - dead_),
        static_cast<unsigned long long>(events_), seconds_, first_.percentile_us(0.5),
        first_.percentile_us(0.99), latency_.percentile_us(0.5), latency_.percentile_us(0.9),
        latency_.percentile_us(0.99), latency_.percentile_us(0.999), latency_.max_us());
    std::fflush(stdout);
  }

  const Options& options_;
  std::vector<Stream> streams_;
  Epoll epoll_;
  std::string joined_;
  std::size_t started_ = 0, dead_ = 0;
  std::uint64_t events_ = 0;
  bool steady_ = false;
  double seconds_ = 0;
  Histogram first_, latency_;
};

}  // namespace

int run_streams(const Options& options) {
  return Streams(options).run();
}

}  // namespace capsem::bench
