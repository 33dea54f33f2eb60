// GET /v1/reviews/{id}: a caller asks how its review stands (R49). The store answers; another
// caller's review is not there (T21).
//
// Thread: its worker's loop.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/proxy/answers.h"
#include "server/proxy/awaited.h"
#include "server/proxy/work.h"

namespace capsem::proxy {

class Session;
class Worker;

class ReviewPoll final : public Work {
 public:
  // `head` and `target` are the connection's and stay until the answer is complete. REQUIRES: the
  // gateway has approvals.
  ReviewPoll(Session& session, const http::RequestHead& head, const http::Target& target);

  void begin() override {}
  void on_body(std::string_view) override {}
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_gone() override;
  void end_for_drain() override;

 private:
  struct Reply {
    int status = 503;
    std::string body{};
  };
  void answered(std::optional<Reply> reply);
  void respond(const LocalAnswer& answer);
  void finish(int status, std::string_view outcome, std::string_view code);

  Session& session_;
  Worker& worker_;
  const http::RequestHead& head_;
  const http::Target& target_;
  const std::int64_t began_wall_ms_;
  Awaited<Reply> reply_;
  bool finished_ = false;
};

}  // namespace capsem::proxy
