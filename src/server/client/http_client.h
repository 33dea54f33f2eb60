// One HTTP request and its answer, for commands: doctor, admin, demo. The gateway's own provider
// calls are upstream's.
//
// Blocks its thread. The connection is closed after the answer; no redirect is followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/error.h"

namespace capsem::client {

struct Peer {
  bool tls = false;
  std::string host;  // a name or an address, an IPv6 one without brackets
  std::uint16_t port = 80;
  // Where TCP goes instead, while Host and the certificate's name stay; empty: to host and port.
  std::string connect_host{};
  std::uint16_t connect_port = 0;
  std::string ca_file{};  // trusted certificates (PEM file); empty: the system's
};

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method = "GET";
  std::string target = "/";
  Headers headers{};  // beside Host, User-Agent, Content-Length and Connection
  std::string body{};
};

struct Response {
  int status = 0;
  Headers headers;
  std::string body;
  // The first header of this name in any case; "" when there is none.
  std::string_view header(std::string_view name) const;
};

struct Limits {
  std::chrono::milliseconds time{10'000};  // from the name's resolution to the last byte
  std::size_t body_bytes_max = 64u << 20;
};

// Error codes: name_unknown, connect_failed, tls_failed (the certificate, its name, no common
// protocol), timed_out, bad_answer. Details say what happened, never what was sent.
Result<Response> call(const Peer& peer, const Request& request, const Limits& limits = {});

}  // namespace capsem::client
