#include "server/webhook/post.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <optional>

#include "server/net/reach.h"
#include "server/net/stream.h"

namespace capsem::webhook {
namespace {

using SteadyClock = std::chrono::steady_clock;

std::vector<net::Address> system_look_up(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return {};
  std::vector<net::Address> addresses;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    net::Address address;
    if (one->ai_addrlen > sizeof address.raw) continue;
    std::memcpy(&address.raw, one->ai_addr, one->ai_addrlen);
    address.size = one->ai_addrlen;
    addresses.push_back(address);
  }
  ::freeaddrinfo(found);
  return addresses;
}

std::string head_of(const store::WebhookUrl& url, const Fields& fields, std::size_t body_bytes) {
  std::string head = "POST " + url.target + " HTTP/1.1\r\n";
  const auto field = [&head](std::string_view name, std::string_view value) {
    head.append(name).append(": ").append(value).append("\r\n");
  };
  field("host", url.authority());
  field("content-type", "application/json");
  field("content-length", std::to_string(body_bytes));
  field("connection", "close");
  for (const auto& [name, value] : fields) field(name, value);
  return head + "\r\n";
}

// The status of the first head that is no interim one; nothing: more has to come; 0: no HTTP.
std::optional<int> status_in(std::string_view bytes) {
  constexpr std::string_view kVersion = "HTTP/1.";
  for (;;) {
    const std::size_t line_end = bytes.find("\r\n");
    if (bytes.substr(0, kVersion.size()) != kVersion.substr(0, bytes.size())) return 0;
    if (line_end == std::string_view::npos) return std::nullopt;
    int status = 0;
    const std::string_view line = bytes.substr(0, line_end);
    // "HTTP/1.1 204 No Content"
    if (line.size() < 12 || line[8] != ' ') return 0;
    const auto [end, fault] = std::from_chars(line.data() + 9, line.data() + 12, status);
    if (fault != std::errc() || end != line.data() + 12 || status < 100) return 0;
    if (status >= 200) return status;
    const std::size_t head_end = bytes.find("\r\n\r\n");
    if (head_end == std::string_view::npos) return std::nullopt;
    bytes.remove_prefix(head_end + 4);
  }
}

// One connection, with the clock of the whole delivery.
class Connection {
 public:
  Connection(SteadyClock::time_point deadline, const std::atomic<bool>& stop)
      : deadline_(deadline), stop_(stop) {}

  Status connect(const net::Address& address, net::UniqueSsl ssl) {
    const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return gateway_error("webhook_connect", "no socket");
    stream_ = net::Stream(fd, std::move(ssl));
    if (::connect(fd, address.get(), address.size) != 0) {
      if (errno != EINPROGRESS) return gateway_error("webhook_connect", "refused");
      if (auto ok = wait(POLLOUT); !ok) return ok;
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return gateway_error("webhook_connect", "refused or unreachable");
    }
    for (;;) {
      const net::IoState state = stream_.handshake();
      if (state == net::IoState::Ok) return {};
      if (state != net::IoState::Blocked) {
        return gateway_error("webhook_tls", "the TLS handshake failed");
      }
      // What the handshake waits for is usually the peer; that it waits to write shows with the
      // next slice.
      if (auto ok = wait(POLLIN, 1); !ok) return ok;
    }
  }

  Status send(std::string_view bytes) {
    while (!bytes.empty()) {
      const iovec piece{const_cast<char*>(bytes.data()), bytes.size()};
      const net::IoResult moved = stream_.write({&piece, 1});
      bytes.remove_prefix(moved.bytes);
      if (moved.state == net::IoState::Blocked) {
        if (auto ok = wait(POLLOUT); !ok) return ok;
      } else if (moved.state != net::IoState::Ok) {
        return gateway_error("webhook_connect", "the connection broke");
      }
    }
    return {};
  }

  Result<int> answer(std::size_t bytes_max) {
    std::string bytes;
    for (;;) {
      std::array<char, 4'096> buffer;
      const net::IoResult moved = stream_.read(buffer);
      bytes.append(buffer.data(), moved.bytes);
      if (const auto status = status_in(bytes)) {
        if (*status == 0) return gateway_error("webhook_answer", "the answer is no HTTP/1");
        return *status;
      }
      if (bytes.size() > bytes_max) return gateway_error("webhook_answer", "it never ends");
      if (moved.state == net::IoState::Blocked) {
        if (auto ok = wait(POLLIN); !ok) return std::unexpected(ok.error());
      } else if (moved.state != net::IoState::Ok) {
        return gateway_error("webhook_answer", "the connection ended before an answer");
      }
    }
  }

 private:
  // Until the socket is ready, or `slices` have passed.
  Status wait(short events, int slices = 1 << 20) {
    constexpr std::chrono::milliseconds kSlice(50);  // how soon a stop is seen
    for (; slices > 0; --slices) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - SteadyClock::now());
      if (left.count() <= 0) return gateway_error("webhook_timeout", "no answer in time");
      if (stop_) return gateway_error("webhook_timeout", "the gateway ends");
      pollfd waiting{stream_.fd(), events, 0};
      const int ready = ::poll(&waiting, 1, static_cast<int>(std::min(left, kSlice).count()) + 1);
      if (ready > 0) return {};
    }
    return {};
  }

  const SteadyClock::time_point deadline_;
  const std::atomic<bool>& stop_;
  net::Stream stream_;
};

}  // namespace

Result<Poster> Poster::make(PostOptions options) {
  auto tls = net::TlsContext::client(options.ca_file);
  if (!tls) return std::unexpected(tls.error());
  if (!options.look_up) options.look_up = system_look_up;
  return Poster(std::move(options), std::move(*tls));
}

Result<int> Poster::post(const store::WebhookUrl& url, const Fields& fields, std::string_view body,
                         const std::atomic<bool>& stop) const {
  const std::vector<net::Address> addresses = options_.look_up(url.host, url.port);
  if (addresses.empty()) return gateway_error("webhook_name", "the host has no address");
  const auto deadline = SteadyClock::now() + std::chrono::milliseconds(options_.timeout_ms);
  const std::string request = head_of(url, fields, body.size()).append(body);
  Status failed = gateway_error("webhook_address", "the host's address is private");
  for (const net::Address& address : addresses) {
    if (!options_.allow_private && !net::is_public(address)) continue;
    Connection connection(deadline, stop);
    net::UniqueSsl ssl;
    if (url.tls) ssl = tls_.connect_side(url.host);
    failed = connection.connect(address, std::move(ssl));
    // Another address of the host may be reachable; nothing was sent yet.
    if (!failed) continue;
    if (auto ok = connection.send(request); !ok) return std::unexpected(ok.error());
    return connection.answer(options_.answer_bytes_max);
  }
  return std::unexpected(failed.error());
}

}  // namespace capsem::webhook
