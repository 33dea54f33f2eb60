#include "server/proxy/session.h"

#include <openssl/crypto.h>

#include <utility>

#include "server/http/writer.h"
#include "server/proxy/agent.h"
#include "server/proxy/policy_check.h"
#include "server/proxy/relay.h"
#include "server/proxy/review_poll.h"
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

bool expired(const tenant::Key& key, std::int64_t now_wall_ms) {
  return key.expires_ms != 0 && key.expires_ms <= now_wall_ms;
}

// In a time that tells nothing of either (T26).
bool same_secret(const Secret& a, const Secret& b) {
  const std::string_view x = a.reveal(), y = b.reveal();
  return x.size() == y.size() && CRYPTO_memcmp(x.data(), y.data(), x.size()) == 0;
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

bool Session::misdirected() {
  const Shared& shared = worker_.shared();
  const HostList& hosts = admin_ ? shared.admin_hosts : shared.hosts;
  if (!hosts.allows(head_->get(http::FieldId::host))) {
    if (!bare_) style_ = codec::ErrorBody::Detail;
    return refuse(421, "This host name is not served here. See [server] allowed_hosts",
                  "invalid_request_error", "misdirected_request");
  }
  if (!head_->wants_upgrade) return false;
  return refuse(403, "Protocol upgrades (WebSocket) are not supported: they cannot be inspected",
                "invalid_request_error", "upgrade_refused");
}

// False: it is answered.
bool Session::find_integration() {
  if (!integration_.read(*target_)) {
    worker_.metrics().denied_routes.add();
    refuse(404, "Not Found: /v1/integrations/{provider}/proxy/{id}/... is served",
           "invalid_request_error", "unknown_route");
    return false;
  }
  if (worker_.directory() == nullptr) {
    refuse(404, "This gateway has no integrations: it was started without a database",
           "invalid_request_error", "unknown_route");
    return false;
  }
  const Provider provider = integration_.provider();
  const std::string& path = integration_.target().path;
  if (provider == Provider::Anthropic) {
    style_.body = codec::ErrorBody::AnthropicIntegration;
  } else if (provider == Provider::Gemini && path.find("/openai/") == std::string::npos) {
    style_.body = codec::ErrorBody::GeminiIntegration;
  }
  if (head_->method == "OPTIONS") {
    route_ = {.action = Action::WrongMethod, .provider = provider};
    route_.allow = "DELETE, GET, HEAD, PATCH, POST, PUT";
  } else {
    route_ = find_integration_route(head_->method, path, provider);
  }
  return true;
}

void Session::find_root_route() {
  if (is_review_path(target_->path)) {
    route_ = find_review_route(head_->method, target_->path);
  } else {
    route_ = find_route(head_->method, target_->path, !head_->get("anthropic-version").empty());
  }
}

bool Session::answered_locally() {
  switch (route_.action) {
    case Action::Health:
      answer(plain(200, std::string(kHealthBody)));
      return true;
    case Action::Live:
      answer(plain(200, R"({"status":"alive"})"));
      return true;
    case Action::Ready:
      if (worker_.shared().draining.load(std::memory_order_relaxed)) {
        answer(plain(503, R"({"status":"draining"})"));
      } else if (!worker_.shared().audit.available() ||
                 (worker_.directory() && worker_.directory()->sealed())) {
        answer(plain(503, R"({"status":"unavailable"})"));
      } else {
        answer(plain(200, R"({"status":"ready"})"));
      }
      return true;
    default:
      return false;
  }
}

bool Session::refused() {
  constexpr std::string_view kType = "invalid_request_error";
  switch (route_.action) {
    case Action::WrongMethod: {
      std::string allow = "allow: ";
      allow.append(route_.allow).append("\r\n");
      worker_.metrics().denied_routes.add();
      return refuse(405, route_.original_405 ? kOriginal405 : "Method not allowed", kType,
                    "method_not_allowed", std::move(allow));
    }
    case Action::Poll:
      if (worker_.shared().approvals != nullptr) break;
      worker_.metrics().denied_routes.add();
      return refuse(404, "This gateway has no reviews: it was started without a database", kType,
                    "unknown_route");
    case Action::Ask:
      if (worker_.shared().judge) break;
      [[fallthrough]];
    case Action::Unknown:
      worker_.metrics().denied_routes.add();
      return refuse(404,
                    route_.integration
                        ? "This path could be taken for one that is inspected: use its exact "
                          "spelling"
                        : "Not Found",
                    kType, "unknown_route");
    case Action::Unlisted:
      if (worker_.shared().settings.relay_unlisted) break;
      worker_.metrics().denied_routes.add();
      return refuse(404,
                    "This path is not inspected and so not forwarded. Set [routes] unlisted = "
                    "\"relay\" to forward such paths uninspected",
                    kType, "unlisted_route");
    default:
      break;
  }
  if (route_.action != Action::Inspect && route_.action != Action::Ask &&
      route_.action != Action::Through) {
    return false;
  }
  const auto encoding = head_->get(http::FieldId::content_encoding);
  if (!encoding.empty() && !http::equals_ignoring_case(encoding, "identity")) {
    return refuse(415, "Content-Encoding is not supported: send the body as identity", kType,
                  "content_encoding");
  }
  if (route_.action != Action::Through &&
      foreign_charset(head_->get(http::FieldId::content_type))) {
    return refuse(415, "Charset is not supported: send UTF-8", kType, "charset");
  }
  return false;
}

// Promise 16: keys that may have been revoked long ago, policies that may have changed.
bool Session::too_old() {
  const Shared& shared = worker_.shared();
  const tenant::Directory* directory = worker_.directory().get();
  if (directory == nullptr || !(bare_ || shared.policies_from_database) ||
      !stale(*directory, shared.clock, shared.settings.store.snapshot_age_ms_max)) {
    return false;
  }
  return refuse(503, "The database has not been reached for too long, retry later", "server_error",
                "directory_stale", "retry-after: 5\r\n");
}

bool Session::identified() {
  const bool any = route_.action == Action::Poll;
  const auto identity =
      identify(*head_, *target_, any ? std::nullopt : std::optional(route_.provider));
  if (!identity) {
    known_ = {};
    answer(identity_answer(style_, identity.error()));
    return false;
  }
  const Secret& token = identity->key;
  if (route_.integration) return authorized(token);
  const std::string_view text = token.reveal();
  if (tenant::looks_like_key(text) || text.starts_with(tenant::kAdminPrefix)) {
    return with_gateway_key(token);
  }
  if (known_.user_id.empty() || text != known_.token.reveal()) {
    known_ = {.token = token.clone(), .user_id = user_id_of(token)};
  }
  caller_.user_id = known_.user_id;
  return true;
}

// On a root route it is no provider's key and must not be shown to one (X2). The check API and
// reviews have no provider, so there it stands for its integration.
bool Session::with_gateway_key(const Secret& token) {
  const bool local = route_.action == Action::Poll || route_.action == Action::Ask;
  if (!local) {
    refuse(401,
           "This is a key of the gateway: it is for /v1/integrations/... alone. Root routes take "
           "the provider's own key",
           "authentication_error", "gateway_key_on_root_route");
    return false;
  }
  const tenant::Integration* integration = nullptr;
  if (worker_.directory() != nullptr) {
    look_up(token);
    const tenant::Key* key = caller_.key;
    const bool valid = key != nullptr && !expired(*key, worker_.shared().clock.wall_ms());
    if (valid) integration = caller_.directory->find_integration(key->integration);
  }
  if (integration == nullptr) {
    caller_ = {};
    refuse(401, "Invalid API key", "authentication_error", "invalid_api_key");
    return false;
  }
  caller_.integration = integration;
  return true;
}

// The token's key, as the directory knows it now.
void Session::look_up(const Secret& token) {
  caller_.directory = worker_.directory();
  if (known_.directory_number != worker_.directory_number() || !same_secret(known_.token, token)) {
    known_ = {.token = token.clone(),
              .key = caller_.directory->find_key(token.reveal()),
              .directory_number = worker_.directory_number()};
  }
  caller_.key = known_.key;
  if (caller_.key != nullptr) caller_.user_id = caller_.key->id;
}

bool Session::authorized(const Secret& token) {
  look_up(token);
  const auto allowed = authorize(integration_, worker_.shared().clock.wall_ms(), caller_);
  if (allowed) return true;
  const AccessRefusal& refusal = allowed.error();
  refuse(refusal.status, refusal.message, refusal.type, refusal.code,
         refusal.status == 503 ? "retry-after: 5\r\n" : "x-should-retry: false\r\n");
  return false;
}

// Promise 3: nothing that cannot be recorded may begin.
bool Session::recordable() {
  if (worker_.shared().audit.available()) return true;
  answer(audit_answer(style_));
  return false;
}

// False: it is answered. A key that may not speak for its agent is on record before it is told.
bool Session::agent_named() {
  using Standing = policy::Snapshot::AgentStanding;
  const auto agent = agent_of(*head_, route_.provider);
  if (!agent) {
    refuse(400, agent.error().message, "invalid_request_error", agent.error().code);
    return false;
  }
  caller_.agent = *agent;
  const Standing standing = agent_standing(*worker_.snapshot(), caller_);
  caller_.agent_bound = standing == Standing::Bound;
  // A question to the check API may name its agent in the body; PolicyCheck asks the key again.
  agent_refused_ = standing == Standing::Refused && route_.action != Action::Ask &&
                   route_.action != Action::Poll;
  return true;
}

bool Session::admitted() {
  const auto entry = worker_.shared().in_flight.enter(caller_.user_id);
  if (entry == InFlight::Entry::Entered) return true;
  worker_.metrics().refused_in_flight.add();
  const bool of_key = entry == InFlight::Entry::TooManyOfKey;
  refuse(of_key ? 429 : 503,
         of_key ? "Too many requests in flight for this key" : "Server overloaded, retry later",
         of_key ? "rate_limit_error" : "server_error", of_key ? "in_flight_per_key" : "in_flight",
         "retry-after: 1\r\n");
  return false;
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
