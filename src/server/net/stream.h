// A connected, non-blocking socket, plain or under TLS. Owns the descriptor. The plain path is one
// branch and one system call.
//
// Errors are end states: after Closed or Failed the stream can only be destroyed.
#pragma once

#include <openssl/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace capsem::net {

struct SslFree {
  void operator()(SSL* ssl) const;
};
using UniqueSsl = std::unique_ptr<SSL, SslFree>;

enum class IoState : std::uint8_t {
  Ok,       // `bytes` were moved
  Blocked,  // nothing to read or no room to write; an edge will come
  Closed,   // the peer has ended its side in order
  Failed,   // the connection broke
};

struct IoResult {
  IoState state = IoState::Blocked;
  std::size_t bytes = 0;
  // A read that filled less than the buffer: the socket was empty, and an edge will announce more.
  bool drained = false;
};

class Stream {
 public:
  Stream() = default;
  Stream(int fd, UniqueSsl ssl);
  Stream(Stream&& other) noexcept;
  Stream& operator=(Stream&& other) noexcept;
  ~Stream() { close(); }

  bool open() const { return fd_ >= 0; }
  int fd() const { return fd_; }
  bool tls() const { return ssl_ != nullptr; }

  // TLS: moves the handshake on. Ok: done. Plain streams are always Ok.
  IoState handshake();
  IoResult read(std::span<char> into);
  // Writes from the first iovec on; may write less than all.
  IoResult write(std::span<const iovec> pieces);

  // Ends our side in order: FIN (and close_notify); the peer may still be read.
  void shut_down();
  void close();
  // Closes with RST: for cancelled calls, whose provider must stop working at once.
  void abort();

 private:
  IoResult read_tls(std::span<char> into);
  IoResult write_tls(std::span<const iovec> pieces);
  IoState tls_state(int result);

  int fd_ = -1;
  UniqueSsl ssl_;
};

// Sets what every connection has: non-blocking is expected already; TCP_NODELAY and keep-alive.
void tune_socket(int fd);

}  // namespace capsem::net
