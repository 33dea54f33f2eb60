#include "server/proxy/integration.h"

#include <algorithm>
#include <array>

#include "core/base/ascii.h"

namespace capsem::proxy {
namespace {

constexpr std::string_view kIntegrations = "/v1/integrations", kReviews = "/v1/reviews";
constexpr std::string_view kNoKey = "Invalid API key for this integration";

bool under(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::optional<Provider> provider_named(std::string_view name) {
  for (std::size_t i = 0; i < kProviderCount; ++i) {
    const auto provider = static_cast<Provider>(i);
    if (name == to_string(provider)) return provider;
  }
  return std::nullopt;
}

// Up to and without the next slash; `path` begins behind it.
std::string_view take_segment(std::string_view& path) {
  const auto slash = path.find('/');
  const std::string_view segment = path.substr(0, slash);
  path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  return segment;
}

// An escaped slash is refused when the target is read, so the n-th one is the same in both
// spellings.
std::string_view from_slash(std::string_view path, int n) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/' && n-- == 0) return path.substr(i);
  }
  return {};
}

std::string_view missing_version(Provider provider, std::string_view rest) {
  const auto begins = [rest](std::string_view folder) { return under(rest, folder); };
  if (begins("/v1")) return {};
  if (provider != Provider::Gemini) return "/v1";
  return begins("/v1beta") || begins("/v1alpha") || begins("/upload") ? std::string_view()
                                                                      : "/v1beta";
}

// In lower case, without what servers overlook at a path's end.
std::string loosely(std::string_view path) {
  std::string text = ascii_lower(path);
  const auto end = text.find_last_not_of("/ \t.");
  text.resize(end == std::string::npos ? 0 : end + 1);
  return text;
}

bool asks_for_model(const Route& route) {
  return route.action == Action::Inspect && !route.asks.empty();
}

// Does some spelling of `path` that a provider might accept ask for a model? The exact ones have
// their rows; what is left is other letter cases, endings, and prefixes before a known path.
bool may_ask_for_model(std::string_view path, Provider provider) {
  const std::string text = loosely(path);
  for (const std::string_view verb : {":generatecontent", ":streamgeneratecontent", ":counttokens",
                                      ":embedcontent", ":batchembedcontents"}) {
    if (text.find(verb) != std::string::npos) return true;
  }
  const bool anthropic = provider == Provider::Anthropic;
  for (std::size_t slash = text.find('/'); slash != std::string::npos;
       slash = text.find('/', slash + 1)) {
    std::string tail = text.substr(slash);
    const Route exact = find_route("POST", tail, anthropic);
    // Servers that speak several dialects answer to all of their paths.
    if (asks_for_model(exact) && (exact.provider == provider || slash == 0)) return true;
    tail.insert(0, provider == Provider::Gemini ? "/v1beta" : "/v1");
    const Route versioned = find_route("POST", tail, anthropic);
    if (asks_for_model(versioned) && versioned.provider == provider) return true;
  }
  return false;
}

}  // namespace

bool is_integration_path(std::string_view path) {
  return under(path, kIntegrations);
}

bool is_review_path(std::string_view path) {
  return under(path, kReviews);
}

bool IntegrationTarget::read(const http::Target& asked) {
  std::string_view rest = asked.path;
  if (!rest.starts_with(kIntegrations)) return false;
  rest.remove_prefix(kIntegrations.size());
  if (!rest.starts_with('/')) return false;
  rest.remove_prefix(1);
  const auto provider = provider_named(take_segment(rest));
  if (!provider || take_segment(rest) != "proxy") return false;
  const std::string_view id = take_segment(rest);
  if (id.empty() || rest.empty()) return false;

  provider_ = *provider;
  id_ = id;
  const std::string path = "/" + std::string(rest);
  const std::string_view version = missing_version(provider_, path);
  target_.path = version;
  target_.path += path;
  raw_path_ = version;
  raw_path_ += from_slash(asked.raw_path, 5);
  query_ = http::query_without(asked.query, "key");
  target_.raw_path = raw_path_;
  target_.query = query_;
  return true;
}

Route find_integration_route(std::string_view method, std::string_view path, Provider provider) {
  Route route = find_route(method, path, provider == Provider::Anthropic);
  const bool known = route.provider == provider;
  const bool reads = method == "GET" || method == "HEAD" || method == "DELETE";
  if (known && (asks_for_model(route) || route.action == Action::InspectAnswer)) {
    route.integration = true;
    route.profile.unread = route.asks == "embedding.generate";
    return route;
  }
  const bool wrong = route.action == Action::WrongMethod;
  route = {.action = Action::Through, .provider = provider, .integration = true};
  if (reads) return route;
  if (wrong || may_ask_for_model(path, provider)) route.action = Action::Unknown;
  return route;
}

std::expected<void, AccessRefusal> authorize(const IntegrationTarget& path,
                                             std::int64_t now_wall_ms, Caller& caller) {
  const auto refuse = [](std::string_view message, std::string_view code, int status = 401,
                         std::string_view type = "authentication_error") {
    return std::unexpected(
        AccessRefusal{.status = status, .message = message, .type = type, .code = code});
  };
  const tenant::Directory& directory = *caller.directory;
  const tenant::Key* key = caller.key;
  if (key == nullptr || (key->expires_ms != 0 && key->expires_ms <= now_wall_ms) ||
      key->integration != path.id()) {
    return refuse(kNoKey, "invalid_api_key");
  }
  const tenant::Integration* integration = directory.find_integration(key->integration);
  if (integration == nullptr || integration->provider != to_string(path.provider())) {
    return refuse(kNoKey, "invalid_api_key");
  }
  if (!integration->active) {
    return refuse("This integration is switched off", "integration_inactive", 403,
                  "permission_error");
  }
  caller.integration = integration;
  if (directory.sealed() || integration->provider_key.empty()) {
    return refuse("The vault is sealed: stored provider keys cannot be used", "vault_sealed", 503,
                  "server_error");
  }
  return {};
}

bool stale(const tenant::Directory& directory, const Clock& clock, std::uint32_t age_ms_max) {
  return clock.monotonic_ns() - directory.as_of_ns() > std::int64_t{age_ms_max} * 1'000'000;
}

}  // namespace capsem::proxy
