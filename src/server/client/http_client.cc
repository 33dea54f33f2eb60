#include "server/client/http_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <optional>

#include "core/base/ascii.h"

namespace capsem::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Clock = std::chrono::steady_clock;
using Tcp = asio::ip::tcp;
using boost::system::error_code;

std::string host_header(const Peer& peer) {
  const bool v6 = peer.host.find(':') != std::string::npos;
  std::string text = v6 ? '[' + peer.host + ']' : peer.host;
  if (peer.port != (peer.tls ? 443 : 80)) text += ':' + std::to_string(peer.port);
  return text;
}

http::request<http::string_body> to_beast(const Peer& peer, const Request& request) {
  http::request<http::string_body> out;
  out.method_string(request.method);
  out.target(request.target);
  out.version(11);
  out.set(http::field::host, host_header(peer));
  out.set(http::field::user_agent, "capsem");
  out.set(http::field::connection, "close");
  for (const auto& [name, value] : request.headers) out.set(name, value);
  out.body() = request.body;
  out.prepare_payload();
  return out;
}

// One call: asynchronous steps, run one by one against one deadline.
class Call {
 public:
  Call(const Peer& peer, const Limits& limits)
      : peer_(peer), limits_(limits), deadline_(Clock::now() + limits.time), tcp_(context_) {}

  Result<Response> run(const Request& request) {
    if (auto connected = connect(); !connected) return std::unexpected(connected.error());
    if (!peer_.tls) return exchange(tcp_, request);
    asio::ssl::context tls(asio::ssl::context::tls_client);
    if (auto trusted = trust(tls); !trusted) return std::unexpected(trusted.error());
    boost::beast::ssl_stream<boost::beast::tcp_stream&> stream(tcp_, tls);
    if (auto shaken = handshake(stream); !shaken) return std::unexpected(shaken.error());
    return exchange(stream, request);
  }

 private:
  // Starts one asynchronous step and waits for it; past the deadline it is given up.
  template <class Start>
  error_code step(const Start& start) {
    std::optional<error_code> result;
    tcp_.expires_at(deadline_);
    start([&result](const error_code& error, const auto&...) { result = error; });
    context_.restart();
    context_.run_until(deadline_ + std::chrono::milliseconds(200));
    if (result) return *result;
    tcp_.socket().close();
    return boost::beast::error::timeout;
  }

  std::unexpected<Error> failed(const char* code, const char* what, const error_code& error) {
    if (error == boost::beast::error::timeout) {
      return upstream_error("timed_out", std::string(what) + ": no answer within " +
                                             std::to_string(limits_.time.count()) + " ms");
    }
    return upstream_error(code, std::string(what) + ": " + error.message());
  }

  Status connect() {
    const std::string& host = peer_.connect_host.empty() ? peer_.host : peer_.connect_host;
    const auto port = peer_.connect_host.empty() ? peer_.port : peer_.connect_port;
    Tcp::resolver resolver(context_);
    Tcp::resolver::results_type addresses;
    error_code error = step([&](auto done) {
      resolver.async_resolve(host, std::to_string(port), Tcp::resolver::numeric_service,
                             [&addresses, done](error_code e, Tcp::resolver::results_type found) {
                               addresses = std::move(found);
                               done(e);
                             });
    });
    if (error) {
      resolver.cancel();
      return failed("name_unknown", host.c_str(), error);
    }
    const std::string where = host + ':' + std::to_string(port);
    error = step([&](auto done) { tcp_.async_connect(addresses, done); });
    if (error) return failed("connect_failed", where.c_str(), error);
    return {};
  }

  Status trust(asio::ssl::context& tls) {
    error_code error;
    SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
    tls.set_verify_mode(asio::ssl::verify_peer, error);
    if (peer_.ca_file.empty()) {
      tls.set_default_verify_paths(error);
    } else {
      tls.load_verify_file(peer_.ca_file, error);
    }
    if (error) return failed("tls_failed", "trusted certificates", error);
    return {};
  }

  template <class Stream>
  Status handshake(Stream& stream) {
    // What SSL_set_tlsext_host_name() is a macro for, with a cast of C's.
    std::string name = peer_.host;
    SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             name.data());
    stream.set_verify_callback(asio::ssl::host_name_verification(peer_.host));
    const error_code error =
        step([&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); });
    if (!error) return {};
    const long verified = SSL_get_verify_result(stream.native_handle());
    if (error != boost::beast::error::timeout && verified != X509_V_OK) {
      return upstream_error(
          "tls_failed", "TLS with " + peer_.host + ": " + X509_verify_cert_error_string(verified));
    }
    return failed("tls_failed", ("TLS with " + peer_.host).c_str(), error);
  }

  template <class Stream>
  Result<Response> exchange(Stream& stream, const Request& request) {
    const auto message = to_beast(peer_, request);
    error_code error = step([&](auto done) { http::async_write(stream, message, done); });
    if (error) return failed("bad_answer", "sending the request", error);

    boost::beast::flat_buffer buffer;
    http::response_parser<http::string_body> parser;
    parser.body_limit(limits_.body_bytes_max);
    parser.skip(request.method == "HEAD");
    error = step([&](auto done) { http::async_read(stream, buffer, parser, done); });
    if (error) return failed("bad_answer", "reading the answer", error);

    Response response;
    response.status = static_cast<int>(parser.get().result_int());
    for (const auto& field : parser.get()) {
      response.headers.emplace_back(std::string(field.name_string()), std::string(field.value()));
    }
    response.body = std::move(parser.get().body());
    return response;
  }

  const Peer& peer_;
  const Limits limits_;
  const Clock::time_point deadline_;
  asio::io_context context_;
  boost::beast::tcp_stream tcp_;
};

}  // namespace

std::string_view Response::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_ascii_letters(key, name)) return value;
  }
  return {};
}

Result<Response> call(const Peer& peer, const Request& request, const Limits& limits) {
  return Call(peer, limits).run(request);
}

}  // namespace capsem::client
