// One request under way: relayed to a provider, or judged for its caller. The session hands over
// what comes in; the work answers through the session's connection, writes its record, and then
// calls Session::work_done(), once.
#pragma once

#include <string_view>

#include "server/http/head_parser.h"
#include "server/net/loop.h"

namespace capsem::proxy {

class Work : public net::Retirable {
 public:
  // Before any byte of the body; may already answer.
  virtual void begin() = 0;
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_request_end() = 0;
  // The rest of the request cannot be read.
  virtual void on_refused(const http::Refusal& refusal) = 0;
  // The client has room again; the client has left; the gateway ends.
  virtual void on_drained() {}
  virtual void on_gone() = 0;
  virtual void end_for_drain() = 0;
};

}  // namespace capsem::proxy
