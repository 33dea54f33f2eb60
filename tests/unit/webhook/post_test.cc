#include "server/webhook/post.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "tests/unit/webhook/receiver.h"

namespace capsem::webhook {
namespace {

const std::atomic<bool> kGoOn = false;

PostOptions local_options() {
  return {.timeout_ms = 20'000, .allow_private = true};
}

// The status as a text, or the error's code.
std::string posted(const PostOptions& options, const std::string& url, std::string_view body = "{}",
                   const std::atomic<bool>& stop = kGoOn) {
  const auto poster = Poster::make(options);
  EXPECT_TRUE(poster);
  const auto parsed = store::parse_webhook_url(url);
  EXPECT_TRUE(parsed);
  const auto status = poster->post(*parsed, {{"x-capsem-event", "review.created"}}, body, stop);
  return status ? std::to_string(*status) : status.error().code;
}

TEST(WebhookPosts, CarryTheirFieldsAndTheirBody) {
  Receiver receiver;
  const std::string body(100'000, 'x');
  EXPECT_EQ(posted(local_options(), receiver.url(), body), "200");
  const auto requests = receiver.requests();
  ASSERT_EQ(requests.size(), 1u);
  EXPECT_EQ(requests[0].line, "POST /hook?x=1 HTTP/1.1");
  EXPECT_EQ(requests[0].body, body);
  auto fields = requests[0].fields;
  EXPECT_EQ(fields["host"], "127.0.0.1:" + std::to_string(receiver.port()));
  EXPECT_EQ(fields["content-type"], "application/json");
  EXPECT_EQ(fields["x-capsem-event"], "review.created");
  EXPECT_EQ(fields["connection"], "close");
}

TEST(WebhookPosts, TellWhatTheReceiverAnswers) {
  struct Case {
    std::string_view name, answer, told;
  };
  const std::string endless = "HTTP/1.1 2" + std::string(20'000, '0');
  const std::string interim = "HTTP/1.1 103 Early\r\nlink: x\r\n\r\n";
  std::string many_interim;
  while (many_interim.size() < 20'000) many_interim += interim;
  const Case cases[] = {
      {"no content", "HTTP/1.1 204 No Content\r\n\r\n", "204"},
      {"an error", "HTTP/1.1 500 Oops\r\ncontent-length: 3\r\n\r\nabc", "500"},
      {"no reason", "HTTP/1.0 202\r\n\r\n", "202"},
      {"an interim answer before", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n",
       "201"},
      {"a body that never ends is not read", "HTTP/1.1 200 OK\r\n\r\nx",
       "200"},
      {"closed without a word", "", "webhook_answer"},
      {"half a line", "HTTP/1.1 20", "webhook_answer"},
      {"no HTTP", "SSH-2.0-OpenSSH\r\n", "webhook_answer"},
      {"HTTP/2", "HTTP/2 200\r\n", "webhook_answer"},
      {"no number", "HTTP/1.1 2x0 OK\r\n", "webhook_answer"},
      {"too small a number", "HTTP/1.1 099 OK\r\n", "webhook_answer"},
      {"a line that never ends", endless, "webhook_answer"},
      {"interim answers without end", many_interim, "webhook_answer"},
  };
  Receiver receiver;
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    receiver.answer({std::string(c.answer)});
    EXPECT_EQ(posted(local_options(), receiver.url()), c.told);
  }
}

TEST(WebhookPosts, ARedirectIsNotFollowed) {  // T24
  Receiver receiver, elsewhere;
  for (const char* status : {"301", "302", "303", "307", "308"}) {
    receiver.answer({std::string("HTTP/1.1 ") + status + " Moved\r\nlocation: " + elsewhere.url() +
                     "\r\ncontent-length: 0\r\n\r\n"});
    EXPECT_EQ(posted(local_options(), receiver.url()), status);
  }
  EXPECT_EQ(elsewhere.connections(), 0);
}

TEST(WebhookPosts, GoOverTlsOnlyToWhomTheirAuthorityVouchesFor) {  // T25
  const Certificate certificate, stranger;
  Receiver receiver(&certificate);
  PostOptions options = local_options();
  EXPECT_EQ(posted(options, receiver.url("localhost")), "webhook_tls");
  options.ca_file = stranger.cert_file();
  EXPECT_EQ(posted(options, receiver.url("localhost")), "webhook_tls");
  options.ca_file = certificate.cert_file();
  EXPECT_EQ(posted(options, receiver.url("localhost")), "200");
  EXPECT_EQ(posted(options, receiver.url("127.0.0.1")), "200");
  options.look_up = [](const std::string&, std::uint16_t port) {
    return std::vector{*net::parse_address("127.0.0.1", port)};
  };
  EXPECT_EQ(posted(options, receiver.url("other.example")), "webhook_tls");
  EXPECT_EQ(receiver.requests().size(), 2u);
  options.ca_file = "/nonexistent.pem";
  EXPECT_FALSE(Poster::make(options));
}

TEST(WebhookPosts, NeverReachPrivateAddressesUnlessTheyMay) {  // T22, T23
  Receiver receiver;
  PostOptions options = local_options();
  options.allow_private = false;
  EXPECT_EQ(posted(options, receiver.url("127.0.0.1")), "webhook_address");
  EXPECT_EQ(posted(options, receiver.url("localhost")), "webhook_address");
  EXPECT_EQ(posted(options, receiver.url("0x7f.1")), "webhook_address");
  for (const char* inner : {"10.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fd00::1",
                            "::ffff:169.254.169.254", "64:ff9b::a00:1"}) {
    SCOPED_TRACE(inner);
    options.look_up = [inner](const std::string&, std::uint16_t port) {
      return std::vector{*net::parse_address(inner, port)};
    };
    EXPECT_EQ(posted(options, "http://rebound.example/"), "webhook_address");
  }
  EXPECT_EQ(receiver.connections(), 0);
  EXPECT_EQ(posted(local_options(), receiver.url()), "200");
}

TEST(WebhookPosts, TryAHostsNextAddress) {
  Receiver receiver;
  std::uint16_t closed = 0;
  {
    Receiver gone;
    closed = gone.port();
  }
  PostOptions options = local_options();
  options.look_up = [closed](const std::string&, std::uint16_t port) {
    return std::vector{*net::parse_address("127.0.0.1", closed),
                       *net::parse_address("127.0.0.1", port)};
  };
  EXPECT_EQ(posted(options, receiver.url("two.example")), "200");
  options.look_up = [closed](const std::string&, std::uint16_t) {
    return std::vector{*net::parse_address("127.0.0.1", closed)};
  };
  EXPECT_EQ(posted(options, receiver.url("one.example")), "webhook_connect");
  options.look_up = [](const std::string&, std::uint16_t) { return std::vector<net::Address>(); };
  EXPECT_EQ(posted(options, receiver.url("none.example")), "webhook_name");
}

TEST(WebhookPosts, EndWithTheirTime) {
  const Certificate certificate;
  Receiver receiver;
  receiver.answer({"silence"});
  PostOptions options = local_options();
  options.timeout_ms = 100;
  EXPECT_EQ(posted(options, receiver.url()), "webhook_timeout");
  // A TLS handshake with somebody who never says a word of TLS.
  Receiver plain;
  EXPECT_EQ(posted(options, "https://127.0.0.1:" + std::to_string(plain.port()) + "/"),
            "webhook_timeout");
}

TEST(WebhookPosts, EndWhenTheGatewayDoes) {
  Receiver receiver;
  receiver.answer({"silence"});
  std::atomic<bool> stop = false;
  std::thread ending([&] {
    while (receiver.requests().empty()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    stop = true;
  });
  PostOptions options = local_options();
  options.timeout_ms = 3'600'000;
  EXPECT_EQ(posted(options, receiver.url(), "{}", stop), "webhook_timeout");
  ending.join();
}

}  // namespace
}  // namespace capsem::webhook
