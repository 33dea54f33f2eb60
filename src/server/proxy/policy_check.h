// One question to the check API on its way: the body is read, the judge asked, the answer written.
// No provider is contacted and no limit charged; a record is left all the same.
//
// Thread: its worker's loop.
#pragma once

#include <string>
#include <string_view>

#include "core/audit/record.h"
#include "server/proxy/answers.h"
#include "server/proxy/policy_api.h"
#include "server/proxy/routes.h"
#include "server/proxy/work.h"

namespace capsem::proxy {

class Session;
class Worker;

class PolicyCheck final : public Work {
 public:
  // `head` and `target` are the connection's and stay until the answer is complete.
  PolicyCheck(Session& session, const Route& route, const http::RequestHead& head,
              const http::Target& target);
  ~PolicyCheck() override;

  void begin() override;
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_gone() override;
  void end_for_drain() override;

 private:
  void hold(std::uint64_t bytes);
  LocalAnswer judge();
  LocalAnswer error(int status, std::string_view message, std::string_view type,
                    std::string_view code) const;
  void respond(const LocalAnswer& answer);
  void finish(int status, std::string_view outcome, std::string_view code);

  Session& session_;
  Worker& worker_;
  const Route route_;
  const http::RequestHead& head_;
  const http::Target& target_;
  const codec::ErrorBody error_shape_;
  const std::int64_t began_wall_ms_;
  const std::string request_id_;

  std::string body_, agent_;
  std::uint64_t held_ = 0;
  audit::Record record_;  // what the judge said
  bool finished_ = false;
};

}  // namespace capsem::proxy
