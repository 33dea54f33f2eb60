// bench_upstream: the provider that `make bench` puts behind the gateway, behind nginx and behind
// nothing. It does as little as it can, so that the proxies' share of the machine is theirs.
//
//   bench_upstream PORT
//
// A request whose body says "stream":true is answered by chat chunks at the rate the model's name
// asks for; anything else by one chat completion of 0.4 KB. The model's name:
//   bench:rate=R,events=N,text=words     each piece ends at a word's end ("word ")
//   bench:rate=R,events=N,text=tokens    each begins with its space, as providers send (" word")

#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/load/clock.h"
#include "bench/load/socket.h"

namespace capsem::bench {
namespace {

constexpr std::string_view kWords[] = {"the",  "river", "turns", "slowly", "under",
                                       "old",  "stone", "while", "birds",  "drift",
                                       "over", "quiet", "green", "fields"};

const std::string& plain_answer() {
  static const std::string answer = [] {
    std::string content;
    for (int i = 0; i < 24; ++i)
      content.append(kWords[static_cast<std::size_t>(i) % 14]).append(" ");
    const std::string body =
        R"({"id":"chatcmpl-bench00000001","object":"chat.completion","created":1760000000,)"
        R"("model":"gpt-4o-mini","choices":[{"index":0,"message":{"role":"assistant","content":")" +
        content +
        R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":260,"completion_tokens":24,)"
        R"("total_tokens":284},"system_fingerprint":"fp_bench"})";
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }();
  return answer;
}

struct Connection {
  Fd fd;
  std::string head;  // the request's head, and the beginning of its body
  std::size_t body_left = 0;
  bool in_body = false;
  std::string unsent;
  std::int64_t interval = 0;  // of the stream it is sending; 0: none
  std::uint64_t events_left = 0;
  std::size_t word = 0;
  bool space_first = false;
};

class Upstream {
 public:
  explicit Upstream(std::uint16_t port) : listener_(listen_loopback(port)) {
    epoll_.add(listener_.get(), EPOLLIN, 0);
  }
  bool ok() const { return static_cast<bool>(listener_); }

  void run() {
    prctl(PR_SET_TIMERSLACK, 1);
    for (;;) {
      const auto next = timers_.empty() ? now_ns() + 1'000'000'000 : timers_.begin()->first;
      for (const auto& event : epoll_.wait(next)) {
        if (event.data.u64 == 0)
          accept_all();
        else
          on_ready(event.data.u64);
      }
      for (auto now = now_ns(); !timers_.empty() && timers_.begin()->first <= now;) {
        const auto id = timers_.extract(timers_.begin()).mapped();
        if (const auto found = connections_.find(id); found != connections_.end()) {
          send_event(id, *found->second);
        }
      }
    }
  }

 private:
  void accept_all() {
    for (;;) {
      Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (!fd) return;
      const int on = 1;
      setsockopt(fd.get(), IPPROTO_TCP, 1 /* TCP_NODELAY */, &on, sizeof on);
      auto connection = std::make_unique<Connection>();
      const auto id = ++last_id_;
      epoll_.add(fd.get(), EPOLLIN | EPOLLOUT | EPOLLET, id);
      connection->fd = std::move(fd);
      connections_.emplace(id, std::move(connection));
    }
  }

  void on_ready(std::uint64_t id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    auto& c = *found->second;
    flush(c);
    for (;;) {
      bool closed = false;
      const auto bytes = read_some(c.fd.get(), closed);
      if (closed) {
        connections_.erase(found);
        return;
      }
      if (bytes.empty()) return;
      on_bytes(id, c, bytes);
    }
  }

  void on_bytes(std::uint64_t id, Connection& c, std::string_view bytes) {
    if (c.in_body) {
      if (c.head.size() < 64 << 10) c.head.append(bytes.substr(0, 64 << 10));
      c.body_left -= std::min(c.body_left, bytes.size());
    } else {
      c.head.append(bytes);
      const auto end = c.head.find("\r\n\r\n");
      if (end == std::string::npos) return;
      auto at = c.head.find("ontent-");
      while (at != std::string::npos && at < end && c.head.compare(at + 8, 6, "ength:") != 0) {
        at = c.head.find("ontent-", at + 1);
      }
      const auto length =
          at < end ? static_cast<std::size_t>(std::atoll(c.head.c_str() + at + 14)) : 0;
      const auto have = c.head.size() - end - 4;
      c.in_body = true;
      c.body_left = length - std::min(length, have);
    }
    if (c.body_left == 0) answer(id, c);
  }

  void answer(std::uint64_t id, Connection& c) {
    const std::string_view request = c.head;
    if (request.find("\"stream\":true") != std::string_view::npos) {
      c.interval = static_cast<std::int64_t>(1e9 / setting(request, "rate=", 10));
      c.events_left = static_cast<std::uint64_t>(setting(request, "events=", 100));
      c.space_first = request.find("text=tokens") != std::string_view::npos;
      c.word = id;
      push(c,
           "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
           "Transfer-Encoding: chunked\r\n\r\n");
      send_event(id, c);
    } else {
      push(c, plain_answer());
    }
    c.head.clear();
    c.in_body = false;
  }

  static double setting(std::string_view request, std::string_view name, double otherwise) {
    const auto bench = request.find("bench:");
    const auto at = bench == std::string_view::npos ? bench : request.find(name, bench);
    return at == std::string_view::npos ? otherwise : std::atof(request.data() + at + name.size());
  }

  void send_event(std::uint64_t id, Connection& c) {
    if (c.events_left == 0) {
      c.interval = 0;
      return push(c, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    }
    --c.events_left;
    const auto word = kWords[c.word++ % std::size(kWords)];
    const auto due = now_ns();
    char event[512];
    const int size = std::snprintf(
        event, sizeof event,
        "data: {\"id\":\"chatcmpl-bench00000001\",\"object\":\"chat.completion.chunk\","
        "\"created\":1760000000,\"model\":\"gpt-4o-mini\",\"system_fingerprint\":\"fp_%016llx\","
        "\"choices\":[{\"index\":0,\"delta\":{\"content\":\"%s%.*s%s\"},\"finish_reason\":null}]}"
        "\n\n",
        static_cast<unsigned long long>(due), c.space_first ? " " : "",
        static_cast<int>(word.size()), word.data(), c.space_first ? "" : " ");
    char chunk[600];
    const int total = std::snprintf(chunk, sizeof chunk, "%x\r\n%.*s\r\n",
                                    static_cast<unsigned>(size), size, event);
    push(c, std::string_view(chunk, static_cast<std::size_t>(total)));
    timers_.emplace(due + c.interval, id);
  }

  void push(Connection& c, std::string_view bytes) {
    if (c.unsent.empty()) {
      const auto n = send(c.fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      bytes.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    c.unsent.append(bytes);
  }

  void flush(Connection& c) {
    if (c.unsent.empty()) return;
    const auto n = send(c.fd.get(), c.unsent.data(), c.unsent.size(), MSG_NOSIGNAL);
    if (n > 0) c.unsent.erase(0, static_cast<std::size_t>(n));
  }

  Fd listener_;
  Epoll epoll_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Connection>> connections_;
  std::multimap<std::int64_t, std::uint64_t> timers_;
};

}  // namespace
}  // namespace capsem::bench

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  capsem::bench::raise_file_limit();
  capsem::bench::Upstream upstream(static_cast<std::uint16_t>(std::atoi(argv[1])));
  if (!upstream.ok()) return 1;
  upstream.run();
}
