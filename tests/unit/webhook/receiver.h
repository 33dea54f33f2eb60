// A webhook's receiver for tests: plain or TLS, on a loopback port, that answers as it is told.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/net/tls.h"

namespace capsem::webhook {

// A key and a certificate for "localhost" and 127.0.0.1, signed by itself, as two files that go
// with it.
class Certificate {
 public:
  Certificate();
  ~Certificate();
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  const std::string& cert_file() const { return cert_; }
  const std::string& key_file() const { return key_; }

 private:
  std::string folder_, cert_, key_;
};

class Receiver {
 public:
  struct Request {
    std::string line;                           // "POST /hook HTTP/1.1"
    std::map<std::string, std::string> fields;  // names in lower case
    std::string body;
  };

  explicit Receiver(const Certificate* certificate = nullptr);
  ~Receiver();

  // What the next requests get, in order, byte for byte; afterwards `200 OK`. "": the connection is
  // closed without a word. "silence": nothing ever comes.
  void answer(std::vector<std::string> answers);
  std::uint16_t port() const { return port_; }
  std::string url(const std::string& host = "127.0.0.1") const;
  std::vector<Request> requests() const;
  int connections() const { return connections_; }

 private:
  void serve();
  void converse(int fd);
  std::string next_answer();

  std::unique_ptr<net::TlsContext> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> connections_ = 0;
  mutable std::mutex mutex_;  // guards the two below
  std::deque<std::string> answers_;
  std::vector<Request> requests_;
  std::thread thread_;
};

}  // namespace capsem::webhook
