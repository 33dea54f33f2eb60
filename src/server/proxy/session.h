// One client's connection to the gateway or to the admin listener: what every request is asked
// before it may become an exchange, and the answers that need no provider.
//
// Thread: its worker's loop.
#pragma once

#include <memory>
#include <string>

#include "server/http/server_connection.h"
#include "server/net/address.h"
#include "server/proxy/answers.h"
#include "server/proxy/gateway.h"
#include "server/proxy/identity.h"
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

  // For the work in progress.
  http::ServerConnection& connection() { return connection_; }
  Worker& worker() { return worker_; }
  const std::string& user_id() const { return user_id_; }
  // Of the request in progress.
  std::string_view agent() const { return agent_; }
  bool agent_bound() const { return agent_bound_; }  // X11: the key's configuration names it
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

  bool answered_locally(const Route& route);
  bool refused(const Route& route);
  bool identified(const Route& route);
  bool speaks_for_an_agent(const Route& route);
  bool admitted();
  void answer_admin();
  void finish_admin(AdminReply reply);
  void answer(LocalAnswer answer);
  void record(const LocalAnswer& answer, const std::string& request_id);

  Worker& worker_;
  const net::Address peer_;
  const bool admin_;
  http::ServerConnection connection_;

  // Of the request in progress.
  const http::RequestHead* head_ = nullptr;
  const http::Target* target_ = nullptr;
  Route route_;
  std::string_view agent_;
  bool agent_bound_ = false;
  std::string admin_body_;
  std::string peer_text_;  // of admin requests
  // There while the admin handler has not responded; what it is to respond to.
  std::shared_ptr<Session*> admin_wait_;
  bool in_flight_ = false;
  std::unique_ptr<Work> work_;

  // The last key on this connection and its hash: a connection usually serves one caller.
  Secret key_;
  std::string user_id_;
};

}  // namespace capsem::proxy
