#include "server/tenant/directory.h"

#include <openssl/crypto.h>

#include <cstring>
#include <utility>

namespace capsem::tenant {

std::string_view to_string(ContentLevel level) {
  switch (level) {
    case ContentLevel::None:
      return "none";
    case ContentLevel::Hash:
      return "hash";
    case ContentLevel::Redacted:
      return "redacted";
    case ContentLevel::Full:
      return "full";
  }
  return "none";
}

std::optional<ContentLevel> content_level_from(std::string_view word) {
  for (const auto level :
       {ContentLevel::None, ContentLevel::Hash, ContentLevel::Redacted, ContentLevel::Full}) {
    if (word == to_string(level)) return level;
  }
  return std::nullopt;
}

// A MAC is as good as random: any eight bytes of it are a hash.
std::size_t Directory::MacHash::operator()(const Mac& mac) const noexcept {
  std::size_t hash = 0;
  std::memcpy(&hash, mac.data(), sizeof hash);
  return hash;
}

bool Directory::MacEqual::operator()(const Mac& a, const Mac& b) const noexcept {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Directory::Directory(Contents contents) : contents_(std::move(contents)) {
  default_tenant_ = {.id = std::string(kDefaultTenant), .name = std::string(kDefaultTenant)};
  for (const Tenant& tenant : contents_.tenants) tenants_.emplace(tenant.id, &tenant);
  if (const auto known = tenants_.find(kDefaultTenant); known != tenants_.end()) {
    default_tenant_ = *known->second;
  }
  for (const Integration& integration : contents_.integrations) {
    by_id_.emplace(integration.id, &integration);
  }
  by_mac_.reserve(contents_.keys.size());
  for (const auto& [mac, key] : contents_.keys) by_mac_.emplace(mac, &key);
}

const Key* Directory::find_key(std::string_view token) const {
  const auto found = by_mac_.find(mac_of(token, contents_.pepper));
  return found == by_mac_.end() ? nullptr : found->second;
}

const Integration* Directory::find_integration(std::string_view id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second;
}

const Tenant& Directory::tenant(std::string_view id) const {
  const auto found = tenants_.find(id);
  return found == tenants_.end() ? default_tenant_ : *found->second;
}

}  // namespace capsem::tenant
