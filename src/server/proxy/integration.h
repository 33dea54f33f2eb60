// Requests under /v1/integrations/{provider}/proxy/{id}/...: what they mean once that prefix is off
// (R34), and whether their key may make them (R38).
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "server/http/path.h"
#include "server/proxy/caller.h"
#include "server/proxy/routes.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// Everything under these answers as S2 says: error objects, and nothing for web pages (R54).
bool is_integration_path(std::string_view path);  // /v1/integrations/...
bool is_review_path(std::string_view path);       // /v1/reviews/...

// A provider's own path behind an integration's prefix. Not copyable: `target` views the others.
class IntegrationTarget {
 public:
  IntegrationTarget() = default;
  IntegrationTarget(const IntegrationTarget&) = delete;
  IntegrationTarget& operator=(const IntegrationTarget&) = delete;

  // False: the path is not spelled /v1/integrations/{provider}/proxy/{id}/..., or the provider is
  // none. Views of the old reading end.
  bool read(const http::Target& asked);

  Provider provider() const { return provider_; }
  std::string_view id() const { return id_; }
  // The path with its version, whichever way the base URL was spelled, and the query without a key.
  const http::Target& target() const { return target_; }

 private:
  Provider provider_ = Provider::OpenAi;
  std::string id_, raw_path_, query_;
  http::Target target_;
};

// As find_route(), for what lies behind an integration. Generation is inspected; of embeddings the
// model alone is judged; what no row names and lists are relayed unread (R35), unless a server less
// exact than ours could take the path for one that has a row (T04): that is Unknown.
Route find_integration_route(std::string_view method, std::string_view path, Provider provider);

struct AccessRefusal {
  int status = 401;
  std::string_view message, type, code;
};

// Lets the key `caller.key` (null: the token is nobody's) use the integration that the path names:
// sets caller.integration, or says why not. One text for every kind of wrong key.
std::expected<void, AccessRefusal> authorize(const IntegrationTarget& path,
                                             std::int64_t now_wall_ms, Caller& caller);

// Is what is known of callers too old to rely on (promise 16)?
bool stale(const tenant::Directory& directory, const Clock& clock, std::uint32_t age_ms_max);

}  // namespace capsem::proxy
