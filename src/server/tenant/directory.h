// Who may call through an integration: tenants, integrations with their provider keys, and gateway
// keys, as one immutable value in memory (R34-R38, R82: using a stored key is a look-up, without
// file or network). Built by server/store whenever something changes; handed to each loop like a
// policy snapshot.
//
// Thread: const, shared by all loops. Provider keys live as long as some loop holds the directory.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/audit/record.h"
#include "core/base/secret.h"
#include "core/policy/binding.h"
#include "server/tenant/token.h"

namespace capsem::tenant {

using audit::ContentLevel;
std::string_view to_string(ContentLevel level);  // "none", ...
std::optional<ContentLevel> content_level_from(std::string_view word);

// Of callers without an integration: the root routes.
inline constexpr std::string_view kDefaultTenant = "default";

struct Tenant {
  std::string id{}, name{};
  ContentLevel content = ContentLevel::None;
  std::optional<std::uint64_t> evaluations_per_month{};  // enforced by a policy made of it (R48)
};

struct Integration {
  std::string id{}, name{}, tenant{};
  std::string provider{};      // "openai", "gemini", "anthropic"
  std::string base_url{};      // empty: the gateway's own for this provider
  bool allow_private = false;  // the base URL may lead to a private address (T23)
  bool active = true;
  std::optional<std::uint64_t> evaluations_per_month{};
  Secret provider_key{};  // empty: sealed (the vault is closed), calls get 503
};

struct Key {
  std::string id{}, name{}, prefix{};
  std::string integration{};    // id
  std::int64_t expires_ms = 0;  // wall clock; 0: never
  policy::GlobList agents{};    // empty: any, marked asserted (X11)
};

class Directory {
 public:
  struct Contents {
    std::vector<Tenant> tenants;
    std::vector<Integration> integrations;
    std::vector<std::pair<Mac, Key>> keys;  // neither revoked nor replaced and past its overlap
    std::string pepper;
    std::int64_t as_of_ns = 0;  // monotonic: when the database was last known to say this
    // The same, kept up to date by whoever asks the database, so that nothing has to be built anew
    // while nothing changes. Null: `as_of_ns` it is.
    std::shared_ptr<const std::atomic<std::int64_t>> fresh_as_of_ns{};
    bool sealed = false;  // provider keys were wiped on an operator's word
  };
  explicit Directory(Contents contents);
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  // The key behind this token, or nothing. The token is digested whole and the digest is what is
  // looked up, so that neither time nor a shared prefix tells anything of other keys (T26, T44).
  const Key* find_key(std::string_view token) const;
  const Integration* find_integration(std::string_view id) const;
  const Tenant& tenant(std::string_view id) const;  // the default tenant's settings when unknown
  std::int64_t as_of_ns() const {
    return contents_.fresh_as_of_ns ? contents_.fresh_as_of_ns->load(std::memory_order_relaxed)
                                    : contents_.as_of_ns;
  }
  std::size_t integrations() const { return contents_.integrations.size(); }
  std::size_t keys() const { return contents_.keys.size(); }
  bool sealed() const { return contents_.sealed; }

 private:
  struct MacHash {
    std::size_t operator()(const Mac& mac) const noexcept;
  };
  struct MacEqual {
    bool operator()(const Mac& a, const Mac& b) const noexcept;
  };
  Contents contents_;
  Tenant default_tenant_;
  std::unordered_map<Mac, const Key*, MacHash, MacEqual> by_mac_;
  std::unordered_map<std::string_view, const Integration*> by_id_;
  std::unordered_map<std::string_view, const Tenant*> tenants_;
};

}  // namespace capsem::tenant
