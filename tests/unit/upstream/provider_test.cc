// Where a provider's connections may lead (T23): judged by the address that is about to be
// connected to, whatever a name meant before.
#include "server/upstream/provider.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/upstream/call.h"

namespace capsem::upstream {
namespace {

class TestClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count() + ahead_ns;
  }
  std::int64_t wall_ms() const override { return 0; }
  std::int64_t ahead_ns = 0;
};

// Listens, and never answers: that a connection came about is all that is asked of it.
class Listening {
 public:
  Listening() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(fd_, &generic, size), 0);
    EXPECT_EQ(::listen(fd_, 8), 0);
    EXPECT_EQ(::getsockname(fd_, &generic, &size), 0);
    std::memcpy(&address, &generic, sizeof address);
    port = ntohs(address.sin_port);
    timeval no_wait{0, 1'000};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &no_wait, sizeof no_wait);
  }
  ~Listening() { ::close(fd_); }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  bool has_client() const {
    const int client = ::accept(fd_, nullptr, nullptr);
    if (client >= 0) ::close(client);
    return client >= 0;
  }
  std::uint16_t port = 0;

 private:
  int fd_;
};

// Ends with a fault, or after a moment without one; then something else happens.
class Attempt final : public CallEvents, public net::TimerHandler {
 public:
  Attempt(net::Loop& loop, Provider& provider, std::function<void()> then)
      : loop_(loop), then_(std::move(then)), call_(provider, *this) {}
  void start() {
    loop_.timers().arm(moment_, 300);
    call_.start({.head = "GET / HTTP/1.1\r\nhost: x\r\n\r\n", .body = {}});
  }
  std::optional<CallFault> fault;

 private:
  void on_answer_head(const http::ResponseHead&) override {}
  void on_answer_body(std::string_view) override {}
  void on_answer_end() override {}
  void on_call_failed(CallFault failed) override {
    fault = failed;
    end();
  }
  void on_timer(net::Timer&) override {
    call_.cancel();
    end();
  }
  void end() {
    moment_.cancel();
    loop_.post(then_);
  }

  net::Loop& loop_;
  const std::function<void()> then_;
  Call call_;
  net::Timer moment_{*this};
};

net::Address address(const char* text, std::uint16_t port) {
  return *net::parse_address(text, port);
}

TEST(Provider, T23_LiteralAddressesAndNamesAreHeldToTheSameList) {
  const Listening server;
  struct Case {
    const char* host;
    bool public_only;
    bool reached;
  };
  for (const Case& c : {Case{"127.0.0.1", false, true}, Case{"127.0.0.1", true, false},
                        Case{"0x7f.1", false, true}, Case{"0x7f.1", true, false},
                        Case{"2130706433", true, false}, Case{"017700000001", true, false},
                        Case{"localhost", true, false}, Case{"::ffff:127.0.0.1", true, false}}) {
    SCOPED_TRACE(c.host);
    TestClock clock;
    net::Resolver resolver;
    const net::TlsContext tls = std::move(*net::TlsContext::client(""));
    const Limits limits;
    net::Loop loop(clock);
    Target target{c.host, server.port, false};
    target.public_only = c.public_only;
    Provider provider(loop, resolver, tls, target, limits);
    Attempt attempt(loop, provider, [&] { loop.stop(); });
    attempt.start();
    loop.run();
    EXPECT_EQ(server.has_client(), c.reached);
    EXPECT_EQ(attempt.fault == CallFault::Forbidden, !c.reached);
  }
}

// The name was fine when it was first asked for; then it is not.
TEST(Provider, T23_ANameThatMovesIntoTheOwnNetworkIsNotFollowed) {
  const Listening server;
  std::mutex mutex;
  int asked = 0;
  TestClock clock;
  net::Resolver resolver([&](const std::string&, std::uint16_t port) {
    const std::scoped_lock lock(mutex);
    ++asked;
    // TEST-NET-1: public as far as the list goes, and nobody is there.
    return std::vector{address(asked == 1 ? "192.0.2.1" : "127.0.0.1", port)};
  });
  const net::TlsContext tls = std::move(*net::TlsContext::client(""));
  Limits limits;
  limits.retries_max = 0;
  net::Loop loop(clock);
  Target target{"moving.example", server.port, false};
  target.public_only = true;
  Provider provider(loop, resolver, tls, target, limits);
  Attempt second(loop, provider, [&] { loop.stop(); });
  Attempt first(loop, provider, [&] {
    // The last good addresses have been good for long enough.
    clock.ahead_ns = 400'000'000'000;
    loop.post([&] { second.start(); });
  });
  first.start();
  loop.run();
  EXPECT_NE(first.fault, CallFault::Forbidden);
  EXPECT_EQ(second.fault, CallFault::Forbidden);
  EXPECT_EQ(asked, 2);
  EXPECT_FALSE(server.has_client());
}

}  // namespace
}  // namespace capsem::upstream
