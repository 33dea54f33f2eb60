#include "server/proxy/session.h"

#include <utility>

#include "server/http/writer.h"
#include "server/proxy/policy_check.h"
#include "server/proxy/relay.h"
#include "server/proxy/review_poll.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {
namespace {

constexpr std::size_t kAdminBodyMax = 1u << 20;

}  // namespace

Session::Session(Worker& worker, net::Stream stream, const net::Address& peer, bool admin)
    : worker_(worker),
      peer_(peer),
      admin_(admin),
      connection_(worker.loop(), std::move(stream), worker.shared().server_limits,
                  worker.shared().settings.upstream.watermark_low, *this) {}

Session::~Session() = default;

void Session::drain(bool now) {
  if (now && work_) work_->end_for_drain();
  if (connection_.closed()) return;
  connection_.close_when_idle();
}

const std::string& Session::request_id() {
  if (request_id_.empty()) request_id_ = request_id_for(*head_, worker_.workspace().ids);
  return request_id_;
}

tenant::ContentLevel Session::content() const {
  const tenant::Directory* directory = worker_.directory().get();
  return directory == nullptr ? tenant::ContentLevel::None
                              : directory->tenant(caller_.tenant()).content;
}

// --- What every request is asked ----------------------------------------------------------------

void Session::on_request(const http::RequestHead& head, const http::Target& target) {
  begin_request(head, target);
  if (misdirected() || admin_) return;  // the admin's once the body, if any, has come
  if (is_integration_path(target.path)) {
    if (!find_integration()) return;
  } else {
    if (head.method == "OPTIONS" && !bare_) return answer(options_answer(head));
    find_root_route();
  }
  if (answered_locally() || refused() || too_old() || !identified() || !recordable() ||
      !agent_named() || !admitted()) {
    return;
  }
  begin_work();
}

void Session::begin_request(const http::RequestHead& head, const http::Target& target) {
  head_ = &head;
  target_ = &target;
  route_ = {};
  caller_ = {};
  request_id_.clear();
  agent_refused_ = false;
  admin_body_.clear();
  admin_wait_.reset();
  bare_ = !admin_ && (is_integration_path(target.path) || is_review_path(target.path));
  style_ = admin_  ? ErrorStyle(codec::ErrorBody::Detail)
           : bare_ ? ErrorStyle(codec::ErrorBody::Integration, request_id())
                   : ErrorStyle(error_body_for(worker_.shared().settings.error_body, head));
  worker_.metrics().requests_total.add();
}

bool Session::refuse(int status, std::string_view message, std::string_view type,
                     std::string_view code, std::string fields) {
  LocalAnswer refusal = error_answer(style_, status, message, type, code);
  refusal.fields = std::move(fields);
  answer(std::move(refusal));
  return true;
}

void Session::begin_work() {
  worker_.metrics().requests_in_flight.add();
  in_flight_ = true;
  if (route_.action == Action::Ask) {
    work_ = std::make_unique<PolicyCheck>(*this, route_, *head_, *target_);
    return work_->begin();
  }
  if (route_.action == Action::Poll) {
    work_ = std::make_unique<ReviewPoll>(*this, *head_, *target_);
    return work_->begin();
  }
  Upstreams& upstreams = worker_.upstreams();
  std::shared_ptr<Upstream> upstream = caller_.integration != nullptr
                                           ? upstreams.of(*caller_.integration, route_.provider)
                                           : upstreams.own(route_.provider);
  const bool reachable = upstream != nullptr;
  if (!reachable) upstream = upstreams.own(route_.provider);
  auto relay = std::make_unique<Relay>(*this, route_, *head_,
                                       route_.integration ? integration_.target() : *target_,
                                       std::move(upstream));
  Relay& begun = *relay;
  work_ = std::move(relay);
  if (agent_refused_) return begun.refuse_at_once(agent_refusal(style_, caller_.agent));
  if (!reachable) {
    return begun.refuse_at_once(error_answer(style_, 502, "The integration's base URL is not valid",
                                             "server_error", "invalid_base_url"));
  }
  begun.begin();
}

// --- The request's further way ------------------------------------------------------------------

void Session::on_body(std::string_view bytes) {
  if (work_) return work_->on_body(bytes);
  if (!admin_) return;
  if (admin_body_.size() + bytes.size() <= kAdminBodyMax) {
    admin_body_ += bytes;
  } else {
    refuse(413, "Request body too large", "invalid_request_error", "body_too_large");
  }
}

void Session::on_request_end() {
  if (work_) return work_->on_request_end();
  if (admin_) answer_admin();
}

void Session::answer_admin() {
  admin_wait_ = std::make_shared<Session*>(this);
  peer_text_ = peer_.text();
  const AdminRequest request{.method = head_->method,
                             .path = target_->path,
                             .query = target_->query,
                             .content_type = head_->get(http::FieldId::content_type),
                             .authorization = head_->get("authorization"),
                             .host = head_->get(http::FieldId::host),
                             .origin = head_->get(http::FieldId::origin),
                             .cookie = head_->get("cookie"),
                             .peer = peer_text_,
                             .body = admin_body_};
  // The reply comes from any thread and at any time, so it finds its way through the loop, and
  // nobody when the client has left or the connection is gone.
  const std::weak_ptr<Session*> waiting = admin_wait_;
  worker_.shared().admin(request, [waiting, &loop = worker_.loop()](AdminReply reply) {
    loop.post([waiting, reply = std::move(reply)]() mutable {
      if (const auto session = waiting.lock()) (*session)->finish_admin(std::move(reply));
    });
  });
}

void Session::finish_admin(AdminReply reply) {
  admin_wait_.reset();
  LocalAnswer wrapped;
  wrapped.status = reply.status;
  wrapped.body = std::move(reply.body);
  wrapped.outcome = "complete";
  wrapped.type = reply.content_type;
  wrapped.fields = std::move(reply.fields);
  answer(std::move(wrapped));
}

void Session::on_refused(const http::Refusal& refusal) {
  worker_.metrics().bad_requests.add();
  if (work_) return work_->on_refused(refusal);
  head_ = nullptr;
  answer(error_answer(codec::ErrorBody::Detail, refusal.status, refusal.reason,
                      "invalid_request_error", "bad_request"));
}

void Session::on_drained() {
  if (work_) work_->on_drained();
}

void Session::on_gone() {
  admin_wait_.reset();
  if (work_) work_->on_gone();
}

void Session::on_closed() {
  admin_wait_.reset();
  if (work_) work_->on_gone();
  worker_.forget(*this, peer_, admin_);
}

void Session::work_done() {
  if (in_flight_) {
    in_flight_ = false;
    worker_.metrics().requests_in_flight.sub();
    worker_.shared().in_flight.leave(caller_.user_id);
  }
  end_caller();
  worker_.loop().retire(std::move(work_));
  connection_.go_on();
}

// --- Answers that need no provider --------------------------------------------------------------

// An idle connection keeps no directory alive, and with it no provider's key.
void Session::end_caller() {
  caller_.directory.reset();
  caller_.key = nullptr;
  caller_.integration = nullptr;
  caller_.user_id = {};
}

void Session::answer(LocalAnswer answer) {
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  head.append(answer.fields);
  const bool quiet = admin_ || head_ == nullptr || answer.outcome == "complete";
  if (!quiet) {
    http::append_field(head, "x-request-id", request_id());
    http::append_field(head, "request-id", request_id());
  }
  if (!admin_ && !bare_ && head_ != nullptr) append_cors_fields(head, *head_);
  connection_.respond(head, answer.body);
  if (!quiet) record(answer);
  end_caller();
  connection_.go_on();
}

void Session::record(const LocalAnswer& answer) {
  audit::Record record;
  record.error_code = answer.code;
  record.request_id = request_id_;
  record.user_id = caller_.user_id;
  record.agent = caller_.agent;
  record.tenant = caller_.tenant();
  record.integration = caller_.integration_id();
  record.key_id = caller_.key_id();
  record.method = head_->method;
  record.path = target_->raw_path;
  const bool local = route_.action == Action::Unknown || route_.action == Action::Ask ||
                     route_.action == Action::Poll;
  if (!local) record.provider = to_string(route_.provider);
  record.status = answer.status;
  record.outcome = answer.outcome;
  record.response_bytes = answer.body.size();
  record.started_wall_ms = worker_.shared().clock.wall_ms();
  record.duration_us =
      (worker_.shared().clock.monotonic_ns() - connection_.request_begin_ns()) / 1'000;
  worker_.shared().audit.write(record);
}

}  // namespace capsem::proxy
