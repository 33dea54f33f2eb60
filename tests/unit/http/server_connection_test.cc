// A connection over a socket pair: the same answers come out however the request bytes are cut.
#include "server/http/server_connection.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>
#include <vector>

#include "server/http/writer.h"

namespace capsem::http {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return 0; }
};

// Answers each request with its path and body; stops the loop when the connection closes.
class Echo final : public ServerEvents {
 public:
  explicit Echo(net::Loop& loop) : loop_(loop) {}
  void attach(ServerConnection& connection) { connection_ = &connection; }
  int gone = 0;

 private:
  void on_request(const RequestHead&, const Target& target) override {
    path_ = target.path;
    body_.clear();
    if (path_ == "/refuse") answer("refused");
  }
  void on_body(std::string_view bytes) override { body_ += bytes; }
  void on_request_end() override {
    if (path_ == "/wait") return;
    answer(path_ + "[" + body_ + "]");
  }
  void on_refused(const Refusal& refusal) override {
    answer("refusal " + std::to_string(refusal.status));
  }
  void on_drained() override {}
  void on_gone() override { ++gone; }
  void on_closed() override { loop_.stop(); }
  void answer(const std::string& text) {
    std::string head;
    append_status_line(head, 200);
    connection_->respond(head, text);
    connection_->go_on();
  }

  net::Loop& loop_;
  ServerConnection* connection_ = nullptr;
  std::string path_, body_;
};

struct Outcome {
  std::vector<std::string> bodies;
  int gone = 0;
};

// The bodies of the answers in `wire`, which all have a Content-Length.
std::vector<std::string> bodies_of(std::string_view wire) {
  std::vector<std::string> bodies;
  for (auto at = wire.find("content-length: "); at != std::string_view::npos;
       at = wire.find("content-length: ")) {
    const auto size = static_cast<std::size_t>(std::stoul(std::string(wire.substr(at + 16, 8))));
    const auto begin = wire.find("\r\n\r\n", at) + 4;
    bodies.emplace_back(wire.substr(begin, size));
    wire.remove_prefix(begin + size);
  }
  return bodies;
}

Outcome exchange(const std::string& first, const std::string& second) {
  std::array<int, 2> ends{};
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()), 0);
  const SystemClock clock;
  net::Loop loop(clock);
  Echo echo(loop);
  ServerLimits limits;
  limits.linger_ms = 0;
  ServerConnection connection(loop, net::Stream(ends[0], nullptr), limits, 1024, echo);
  echo.attach(connection);
  EXPECT_TRUE(connection.start());
  // Each step is a task, so that the bytes before it are handled in rounds of their own.
  loop.post([&] {
    EXPECT_EQ(::write(ends[1], first.data(), first.size()), static_cast<ssize_t>(first.size()));
    loop.post([&] {
      loop.post([&] {
        // A connection that has refused what came first may have closed by now.
        const ssize_t sent = ::send(ends[1], second.data(), second.size(), MSG_NOSIGNAL);
        EXPECT_TRUE(sent == static_cast<ssize_t>(second.size()) || (sent < 0 && errno == EPIPE));
        loop.post([&] { loop.post([&] { shutdown(ends[1], SHUT_WR); }); });
      });
    });
  });
  loop.run();
  std::string wire(64u << 10, '\0');
  const ssize_t got = ::read(ends[1], wire.data(), wire.size());
  wire.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  ::close(ends[1]);
  return {bodies_of(wire), echo.gone};
}

struct Case {
  const char* name;
  std::string input;
  std::vector<std::string> bodies;
};

const Case kCases[] = {
    {"one request", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n", {"/a[]"}},
    {"a body by length",
     "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz",
     {"/a[xyz]"}},
    {"a chunked body",
     "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
     "chunked\r\n\r\n2\r\nxy\r\n1\r\nz\r\n0\r\n\r\n",
     {"/a[xyz]"}},
    {"pipelined requests",
     "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"
     "GET /b HTTP/1.1\r\nHost: h\r\n\r\nGET /c HTTP/1.1\r\nHost: h\r\n\r\n",
     {"/a[1]", "/b[]", "/c[]"}},
    {"a refused request's short body is dropped",
     "POST /refuse HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyzGET /b HTTP/1.1\r\nHost: "
     "h\r\n"
     "\r\n",
     {"refused", "/b[]"}},
    {"T01 nothing is read behind an ambiguous message",
     "POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nxyz"
     "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
     {"refusal 400"}},
    {"T01 nothing is read behind a bad chunk",
     "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
     "GET /b HTTP/1.1\r\nHost: h\r\n\r\n",
     {"refusal 400"}},
    {"Connection: close ends it",
     "GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n",
     {"/a[]"}},
};

TEST(ServerConnection, GivesTheSameAnswersHoweverTheRequestsAreCut) {
  for (const Case& c : kCases) {
    for (std::size_t cut = 1; cut < c.input.size(); ++cut) {
      SCOPED_TRACE(testing::Message() << c.name << ", cut at byte " << cut);
      const Outcome outcome = exchange(c.input.substr(0, cut), c.input.substr(cut));
      EXPECT_EQ(outcome.bodies, c.bodies);
    }
  }
}

TEST(ServerConnection, T12_AClientThatLeavesEndsItsRequest) {
  EXPECT_EQ(exchange("GET /wait HTTP/1.1\r\nHost: h\r\n", "\r\n").gone, 1);
  EXPECT_EQ(exchange("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nx", "y").gone, 1);
  EXPECT_EQ(exchange("GET /a HTTP/1.1\r\nHost: h\r\n", "\r\n").gone, 0);
}

}  // namespace
}  // namespace capsem::http
