#include "server/admin/router.h"
#include "server/tenant/directory.h"

namespace capsem::admin {

std::optional<std::string_view> Call::query(std::string_view name) const {
  for (const auto& [parameter, value] : query_) {
    if (parameter == name) return value;
  }
  return std::nullopt;
}

bool Call::sees(std::string_view tenant) {
  if (who.all_tenants() || who.tenant == tenant) return true;
  foreign_ = true;
  return false;
}

std::string Call::tenant_filter() {
  if (!who.all_tenants()) return who.tenant;
  return std::string(query("tenant").value_or(""));
}

Result<std::string> Call::tenant_for(std::string_view named) {
  if (named.empty()) {
    return who.all_tenants() ? std::string(tenant::kDefaultTenant) : who.tenant;
  }
  if (!sees(named)) return client_error("not_found", "There is no such tenant");
  return std::string(named);
}

void Call::about(std::string object_id, std::string tenant) {
  object_ = std::move(object_id);
  object_tenant_ = std::move(tenant);
}

AdminReply Call::answer_later(std::function<void(Later)> start) {
  start_later_ = std::move(start);
  return {};
}

}  // namespace capsem::admin
