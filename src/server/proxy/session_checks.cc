// What every request is asked before it may become an exchange: by what name it came, where it
// wants to go, with whose key, for which agent; and whether there is room.
#include <openssl/crypto.h>

#include <utility>

#include "server/proxy/agent.h"
#include "server/proxy/session.h"
#include "server/proxy/worker.h"

namespace capsem::proxy {
namespace {

constexpr std::string_view kHealthBody =
    R"({"status":"healthy","version":"0.1.0","providers":["openai","gemini"]})";
constexpr std::string_view kOriginal405 =
    "Method not allowed. Use POST for chat completions and responses.";

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

// Promise 3: nothing that cannot be recorded may begin. Asking how a review stands begins nothing.
bool Session::recordable() {
  if (route_.action == Action::Poll || worker_.shared().audit.available()) return true;
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

}  // namespace capsem::proxy
