#include "server/proxy/session.h"

#include <utility>

#include "server/http/writer.h"
#include "server/proxy/agent.h"
#include "server/proxy/policy_check.h"
#include "server/proxy/relay.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {
namespace {

constexpr std::string_view kHealthBody =
    R"({"status":"healthy","version":"0.1.0","providers":["openai","gemini"]})";
constexpr std::string_view kOriginal405 =
    "Method not allowed. Use POST for chat completions and responses.";
constexpr std::size_t kAdminBodyMax = 1u << 20;

LocalAnswer plain(int status, std::string body) {
  LocalAnswer answer;
  answer.status = status;
  answer.body = std::move(body);
  answer.outcome = "complete";
  return answer;
}

// A JSON body in a charset that would read differently to us than to the provider (T07).
bool foreign_charset(std::string_view content_type) {
  for (auto semicolon = content_type.find(';'); semicolon != std::string_view::npos;
       semicolon = content_type.find(';')) {
    content_type.remove_prefix(semicolon + 1);
    std::string_view parameter = http::trim(content_type.substr(0, content_type.find(';')));
    if (!http::starts_with_ignoring_case(parameter, "charset=")) continue;
    parameter.remove_prefix(8);
    if (parameter.size() >= 2 && parameter.front() == '"' && parameter.back() == '"') {
      parameter = parameter.substr(1, parameter.size() - 2);
    }
    if (!http::equals_ignoring_case(parameter, "utf-8") &&
        !http::equals_ignoring_case(parameter, "utf8") &&
        !http::equals_ignoring_case(parameter, "us-ascii")) {
      return true;
    }
  }
  return false;
}

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

// --- What every request is asked ----------------------------------------------------------------

void Session::on_request(const http::RequestHead& head, const http::Target& target) {
  head_ = &head;
  target_ = &target;
  route_ = {};
  agent_ = {};
  agent_bound_ = false;
  admin_body_.clear();
  admin_wait_.reset();
  worker_.metrics().requests_total.add();
  const Shared& shared = worker_.shared();
  const HostList& hosts = admin_ ? shared.admin_hosts : shared.hosts;
  if (!hosts.allows(head.get(http::FieldId::host))) {
    return answer(error_answer(codec::ErrorBody::Detail, 421,
                               "This host name is not served here. See [server] allowed_hosts",
                               "invalid_request_error", "misdirected_request"));
  }
  if (head.wants_upgrade) {
    return answer(error_answer(error_body_for(shared.settings.error_body, head), 403,
                               "Protocol upgrades (WebSocket) are not supported: they cannot be "
                               "inspected",
                               "invalid_request_error", "upgrade_refused"));
  }
  if (admin_) return;  // answered once the body, if any, has come
  if (head.method == "OPTIONS") return answer(options_answer(head));
  route_ = find_route(head.method, target.path, !head.get("anthropic-version").empty());
  if (answered_locally(route_) || refused(route_) || !identified(route_) ||
      !speaks_for_an_agent(route_) || !admitted()) {
    return;
  }
  worker_.metrics().requests_in_flight.add();
  in_flight_ = true;
  if (route_.action == Action::Ask) {
    work_ = std::make_unique<PolicyCheck>(*this, route_, head, target);
  } else {
    work_ = std::make_unique<Relay>(*this, route_, head, target);
  }
  work_->begin();
}

bool Session::answered_locally(const Route& route) {
  switch (route.action) {
    case Action::Health:
      answer(plain(200, std::string(kHealthBody)));
      return true;
    case Action::Live:
      answer(plain(200, R"({"status":"alive"})"));
      return true;
    case Action::Ready:
      if (worker_.shared().draining.load(std::memory_order_relaxed)) {
        answer(plain(503, R"({"status":"draining"})"));
      } else {
        answer(plain(200, R"({"status":"ready"})"));
      }
      return true;
    default:
      return false;
  }
}

bool Session::refused(const Route& route) {
  const Settings& settings = worker_.shared().settings;
  const auto shape = error_body_for(settings.error_body, *head_);
  const auto refuse = [&](int status, std::string_view message, std::string_view code,
                          std::string fields = {}) {
    LocalAnswer refusal = error_answer(shape, status, message, "invalid_request_error", code);
    refusal.fields = std::move(fields);
    answer(std::move(refusal));
    return true;
  };
  switch (route.action) {
    case Action::WrongMethod: {
      std::string allow = "allow: ";
      allow.append(route.allow).append("\r\n");
      worker_.metrics().denied_routes.add();
      return refuse(405, route.original_405 ? kOriginal405 : "Method not allowed",
                    "method_not_allowed", std::move(allow));
    }
    case Action::Ask:
      if (worker_.shared().judge) break;
      [[fallthrough]];
    case Action::Unknown:
      worker_.metrics().denied_routes.add();
      return refuse(404, "Not Found", "unknown_route");
    case Action::Unlisted:
      if (settings.relay_unlisted) break;
      worker_.metrics().denied_routes.add();
      return refuse(404,
                    "This path is not inspected and so not forwarded. Set [routes] unlisted = "
                    "\"relay\" to forward such paths uninspected",
                    "unlisted_route");
    default:
      break;
  }
  if (route.action != Action::Inspect && route.action != Action::Ask) return false;
  const auto encoding = head_->get(http::FieldId::content_encoding);
  if (!encoding.empty() && !http::equals_ignoring_case(encoding, "identity")) {
    return refuse(415, "Content-Encoding is not supported: send the body as identity",
                  "content_encoding");
  }
  if (foreign_charset(head_->get(http::FieldId::content_type))) {
    return refuse(415, "Charset is not supported: send UTF-8", "charset");
  }
  return false;
}

bool Session::identified(const Route& route) {
  auto identity = identify(*head_, *target_, route.provider);
  if (!identity) {
    user_id_.clear();
    key_ = {};
    answer(identity_answer(error_body_for(worker_.shared().settings.error_body, *head_),
                           identity.error()));
    return false;
  }
  if (user_id_.empty() || identity->key.reveal() != key_.reveal()) {
    user_id_ = user_id_of(identity->key);
    key_ = std::move(identity->key);
  }
  return true;
}

bool Session::speaks_for_an_agent(const Route& route) {
  using Standing = policy::Snapshot::AgentStanding;
  const auto shape = error_body_for(worker_.shared().settings.error_body, *head_);
  const auto agent = agent_of(*head_, route.provider);
  if (!agent) {
    answer(error_answer(shape, 400, agent.error().message, "invalid_request_error",
                        agent.error().code));
    return false;
  }
  agent_ = *agent;
  const Standing standing = worker_.snapshot()->agent_standing(user_id_, agent_);
  agent_bound_ = standing == Standing::Bound;
  // A question to the check API may name its agent in the body; PolicyCheck asks the key again.
  if (standing != Standing::Refused || route.action == Action::Ask) return true;
  answer(agent_refusal(shape, agent_));
  return false;
}

bool Session::admitted() {
  const auto entry = worker_.shared().in_flight.enter(user_id_);
  if (entry == InFlight::Entry::Entered) return true;
  worker_.metrics().refused_in_flight.add();
  const bool of_key = entry == InFlight::Entry::TooManyOfKey;
  LocalAnswer refusal = error_answer(
      error_body_for(worker_.shared().settings.error_body, *head_), of_key ? 429 : 503,
      of_key ? "Too many requests in flight for this key" : "Server overloaded, retry later",
      of_key ? "rate_limit_error" : "server_error", of_key ? "in_flight_per_key" : "in_flight");
  refusal.fields = "retry-after: 1\r\n";
  answer(std::move(refusal));
  return false;
}

// --- The request's further way ------------------------------------------------------------------

void Session::on_body(std::string_view bytes) {
  if (work_) return work_->on_body(bytes);
  if (!admin_) return;
  if (admin_body_.size() + bytes.size() <= kAdminBodyMax) {
    admin_body_ += bytes;
  } else {
    answer(error_answer(codec::ErrorBody::Detail, 413, "Request body too large",
                        "invalid_request_error", "body_too_large"));
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
  LocalAnswer wrapped = plain(reply.status, std::move(reply.body));
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
    worker_.shared().in_flight.leave(user_id_);
  }
  worker_.loop().retire(std::move(work_));
  connection_.go_on();
}

// --- Answers that need no provider --------------------------------------------------------------

void Session::answer(LocalAnswer answer) {
  std::string head;
  head.reserve(256);
  http::append_status_line(head, answer.status);
  http::append_field(head, "content-type", answer.type);
  head.append(answer.fields);
  const bool quiet = admin_ || head_ == nullptr || answer.outcome == "complete";
  std::string request_id;
  if (!quiet) {
    request_id = request_id_for(*head_, worker_.workspace().ids);
    http::append_field(head, "x-request-id", request_id);
    http::append_field(head, "request-id", request_id);
  }
  if (!admin_ && head_ != nullptr) append_cors_fields(head, *head_);
  connection_.respond(head, answer.body);
  if (!quiet) record(answer, request_id);
  connection_.go_on();
}

void Session::record(const LocalAnswer& answer, const std::string& request_id) {
  audit::Record record;
  record.error_code = answer.code;
  record.request_id = request_id;
  record.user_id = user_id_;
  record.agent = agent_;
  record.method = head_->method;
  record.path = target_->raw_path;
  const bool local = route_.action == Action::Unknown || route_.action == Action::Ask;
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
