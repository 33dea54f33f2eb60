#include "server/client/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace capsem::client {
namespace {

// A peer on a loopback port that takes one connection, keeps what it reads up to the end of a
// request without a body of unknown length, and answers these bytes. An empty answer: never.
class OnePeer {
 public:
  explicit OnePeer(std::string answer) : answer_(std::move(answer)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* raw = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(::bind(listener_, raw, size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, raw, &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~OnePeer() {
    ::shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    ::close(listener_);
  }
  Peer peer() const { return {.host = "127.0.0.1", .port = port_}; }
  // What it read. REQUIRES: the call is over.
  std::string request() {
    thread_.join();
    return request_;
  }

 private:
  void serve() {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    char buffer[4096];
    for (bool complete = false; !complete;) {
      const auto got = ::recv(client, buffer, sizeof buffer, 0);
      if (got <= 0) break;
      request_.append(buffer, static_cast<std::size_t>(got));
      complete = request_.ends_with("\r\n\r\n") || request_.ends_with("}") || answer_[0] != 'H';
    }
    if (answer_ != "never") {
      (void)!::send(client, answer_.data(), answer_.size(), MSG_NOSIGNAL);
    } else {
      (void)!::recv(client, buffer, sizeof buffer, 0);  // until it gives up
    }
    ::close(client);
  }

  const std::string answer_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

TEST(HttpClient, SendsAndReads) {
  OnePeer peer(
      "HTTP/1.1 201 Created\r\nDate: today\r\nContent-Length: 11\r\n\r\n{\"a\":\"b\"}\r\n");
  const auto answer = call(peer.peer(), {.method = "POST",
                                         .target = "/v1/x?y=z",
                                         .headers = {{"Authorization", "Bearer t"}},
                                         .body = "{}"});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->status, 201);
  EXPECT_EQ(answer->body, "{\"a\":\"b\"}\r\n");
  EXPECT_EQ(answer->header("dAtE"), "today");
  EXPECT_EQ(answer->header("absent"), "");
  const std::string port = std::to_string(peer.peer().port);
  const std::string request = peer.request();
  EXPECT_TRUE(request.starts_with("POST /v1/x?y=z HTTP/1.1\r\n")) << request;
  for (const std::string& line :
       {"Host: 127.0.0.1:" + port, std::string("Authorization: Bearer t"),
        std::string("Connection: close"), std::string("Content-Length: 2")}) {
    EXPECT_NE(request.find("\r\n" + line + "\r\n"), std::string::npos) << line << "\n" << request;
  }
  EXPECT_TRUE(request.ends_with("\r\n\r\n{}"));
}

TEST(HttpClient, ReadsToTheEndOfTheConnection) {
  OnePeer peer("HTTP/1.1 200 OK\r\n\r\nall of it");
  const auto answer = call(peer.peer(), {});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "all of it");
}

TEST(HttpClient, HeadHasNoBody) {
  OnePeer peer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  const auto answer = call(peer.peer(), {.method = "HEAD"});
  ASSERT_TRUE(answer) << answer.error().detail;
  EXPECT_EQ(answer->body, "");
}

TEST(HttpClient, TheBodyHasALimitFromBothSides) {
  const std::string five = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345";
  OnePeer enough(five), short_by_one(five);
  EXPECT_TRUE(call(enough.peer(), {}, {.body_bytes_max = 5}));
  const auto answer = call(short_by_one.peer(), {}, {.body_bytes_max = 4});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "bad_answer");
}

TEST(HttpClient, SaysWhatWentWrong) {
  OnePeer silent("never"), cut("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"),
      other("SSH-2.0-OpenSSH\r\n\r\n"), plain("no TLS here\r\n");
  Peer closed{.host = "127.0.0.1", .port = 1}, unknown{.host = "no-such-name.invalid", .port = 1},
      no_tls = plain.peer();
  no_tls.tls = true;
  const struct {
    const char* name;
    Peer peer;
    std::chrono::milliseconds time;
    const char* code;
  } cases[] = {
      {"silent", silent.peer(), std::chrono::milliseconds(50), "timed_out"},
      {"cut", cut.peer(), std::chrono::seconds(30), "bad_answer"},
      {"another protocol", other.peer(), std::chrono::seconds(30), "bad_answer"},
      {"nobody listens", closed, std::chrono::seconds(30), "connect_failed"},
      {"no such name", unknown, std::chrono::seconds(30), "name_unknown"},
      {"TLS with a plain port", no_tls, std::chrono::seconds(30), "tls_failed"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer =
        call(c.peer, {.headers = {{"Authorization", "Bearer s3cret"}}}, {.time = c.time});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, c.code) << answer.error().detail;
    EXPECT_EQ(answer.error().detail.find("s3cret"), std::string::npos);
  }
}

}  // namespace
}  // namespace capsem::client
