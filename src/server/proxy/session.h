// One client's connection to the gateway or to the admin listener: what every request is asked
// before it may become an exchange, and the answers that need no provider.
//
// Thread: its worker's loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "server/http/server_connection.h"
#include "server/net/address.h"
#include "server/proxy/answers.h"
#include "server/proxy/caller.h"
#include "server/proxy/gateway.h"
#include "server/proxy/integration.h"
#include "server/proxy/routes.h"
#include "server/proxy/work.h"

namespace capsem::proxy {

class Worker;

class Session final : public http::ServerEvents, public net::Retirable {
 public:
  Session(Worker& worker, net::Stream stream, const net::Address& peer, bool admin);
  ~Session() override;

  bool start() { return connection_.start(); }
  // Drain: no further request; `now`: what runs ends with its dialect's fault frame.
  void drain(bool now);

  // For the work in progress; all of the request in progress.
  http::ServerConnection& connection() { return connection_; }
  Worker& worker() { return worker_; }
  const Caller& caller() const { return caller_; }
  const ErrorStyle& error_style() const { return style_; }
  const std::string& request_id();
  std::string_view public_path() const { return target_->raw_path; }  // as the client sent it
  bool bare() const { return bare_; }                                 // nothing for web pages (R54)
  tenant::ContentLevel content() const;                               // what its tenant wants kept
  bool keeps_content() const { return content() != tenant::ContentLevel::None; }
  // The work's record is written: it is retired, and the connection goes on.
  void work_done();

 private:
  void on_request(const http::RequestHead& head, const http::Target& target) override;
  void on_body(std::string_view bytes) override;
  void on_request_end() override;
  void on_refused(const http::Refusal& refusal) override;
  void on_drained() override;
  void on_gone() override;
  void on_closed() override;

  void begin_request(const http::RequestHead& head, const http::Target& target);
  bool misdirected();
  bool find_integration();
  void find_root_route();
  bool answered_locally();
  bool refused();
  bool too_old();
  bool identified();
  bool with_gateway_key(const Secret& token);
  bool authorized(const Secret& token);
  void look_up(const Secret& token);
  bool recordable();
  bool agent_named();
  bool admitted();
  void begin_work();
  bool refuse(int status, std::string_view message, std::string_view type, std::string_view code,
              std::string fields = {});
  void answer_admin();
  void finish_admin(AdminReply reply);
  void answer(LocalAnswer answer);
  void record(const LocalAnswer& answer);
  void end_caller();

  Worker& worker_;
  const net::Address peer_;
  const bool admin_;
  http::ServerConnection connection_;

  // Of the request in progress.
  const http::RequestHead* head_ = nullptr;
  const http::Target* target_ = nullptr;
  IntegrationTarget integration_;
  Route route_;
  Caller caller_;
  ErrorStyle style_;
  std::string request_id_;
  bool bare_ = false, agent_refused_ = false;
  std::string admin_body_;
  std::string peer_text_;  // of admin requests
  // There while the admin handler has not responded; what it is to respond to.
  std::shared_ptr<Session*> admin_wait_;
  bool in_flight_ = false;
  std::unique_ptr<Work> work_;

  // The last credential on this connection and whose it is: a connection usually serves one caller.
  struct Known {
    Secret token{};
    std::string user_id{};             // of a provider's key
    const tenant::Key* key = nullptr;  // of a gateway key, in the directory of this number
    std::uint64_t directory_number = 0;
  } known_;
};

}  // namespace capsem::proxy
