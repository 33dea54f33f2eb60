#include "server/net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace capsem::net {

void SslFree::operator()(SSL* ssl) const {
  SSL_free(ssl);
}

Stream::Stream(int fd, UniqueSsl ssl) : fd_(fd), ssl_(std::move(ssl)) {
  if (ssl_) SSL_set_fd(ssl_.get(), fd_);
}

Stream::Stream(Stream&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), ssl_(std::move(other.ssl_)) {}

Stream& Stream::operator=(Stream&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    ssl_ = std::move(other.ssl_);
  }
  return *this;
}

void Stream::close() {
  ssl_.reset();
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Stream::abort() {
  if (fd_ < 0) return;
  const linger reset{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  close();
}

void Stream::shut_down() {
  if (fd_ < 0) return;
  if (ssl_) {
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
  }
  ::shutdown(fd_, SHUT_WR);
}

IoState Stream::tls_state(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return IoState::Blocked;
    case SSL_ERROR_ZERO_RETURN:
      return IoState::Closed;
    default:
      return IoState::Failed;
  }
}

IoState Stream::handshake() {
  if (!ssl_ || SSL_is_init_finished(ssl_.get())) return IoState::Ok;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? IoState::Ok : tls_state(result);
}

IoResult Stream::read(std::span<char> into) {
  if (ssl_) return read_tls(into);
  for (;;) {
    const ssize_t got = ::recv(fd_, into.data(), into.size(), 0);
    if (got > 0) {
      const auto bytes = static_cast<std::size_t>(got);
      return {IoState::Ok, bytes, bytes < into.size()};
    }
    if (got == 0) return {IoState::Closed, 0, true};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoState::Blocked, 0, true};
    return {IoState::Failed, 0, true};
  }
}

IoResult Stream::read_tls(std::span<char> into) {
  ERR_clear_error();
  const int got = SSL_read(ssl_.get(), into.data(), static_cast<int>(into.size()));
  // A TLS read ends at a record, so a short one says nothing of the socket: never `drained`.
  if (got > 0) return {IoState::Ok, static_cast<std::size_t>(got), false};
  return {tls_state(got), 0, true};
}

IoResult Stream::write(std::span<const iovec> pieces) {
  if (ssl_) return write_tls(pieces);
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());
  message.msg_iovlen = pieces.size();
  for (;;) {
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (sent >= 0) return {IoState::Ok, static_cast<std::size_t>(sent), false};
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return {IoState::Blocked, 0, false};
    return {IoState::Failed, 0, false};
  }
}

IoResult Stream::write_tls(std::span<const iovec> pieces) {
  // Small pieces share a record; a large one goes out from where it lies.
  constexpr std::size_t kRecordBytes = 16u << 10;
  std::array<char, kRecordBytes> record;
  std::size_t total = 0;
  for (std::size_t i = 0; i < pieces.size();) {
    const char* from = static_cast<const char*>(pieces[i].iov_base);
    std::size_t size = pieces[i].iov_len;
    if (size == 0) {
      ++i;
      continue;
    }
    if (size < kRecordBytes / 2 && i + 1 < pieces.size()) {
      std::size_t used = 0;
      while (i < pieces.size() && used + pieces[i].iov_len <= record.size()) {
        std::memcpy(record.data() + used, pieces[i].iov_base, pieces[i].iov_len);
        used += pieces[i++].iov_len;
      }
      from = record.data();
      size = used;
    } else {
      ++i;
    }
    while (size > 0) {
      ERR_clear_error();
      const int chunk = static_cast<int>(std::min(size, std::size_t{1} << 30));
      const int sent = SSL_write(ssl_.get(), from, chunk);
      if (sent <= 0) {
        const IoState state = tls_state(sent);
        if (state == IoState::Blocked && total > 0) return {IoState::Ok, total, false};
        return {state == IoState::Closed ? IoState::Failed : state, 0, false};
      }
      total += static_cast<std::size_t>(sent);
      from += sent;
      size -= static_cast<std::size_t>(sent);
      if (size > 0) return {IoState::Ok, total, false};
    }
  }
  return {IoState::Ok, total, false};
}

void tune_socket(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const int idle_s = 60;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
}

}  // namespace capsem::net
