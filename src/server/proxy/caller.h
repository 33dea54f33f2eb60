// Who asks, once that is established: the owner of a provider key on root routes, a gateway key on
// integration routes.
#pragma once

#include <memory>
#include <string_view>

#include "server/tenant/directory.h"

namespace capsem::proxy {

struct Caller {
  // R10: the hashed key. Of a gateway key: its id. Views, as is the agent: of the session and of the
  // request.
  std::string_view user_id{}, agent{};
  bool agent_bound = false;  // the key's configuration allows the agent (X11)

  // On integration routes; the directory keeps what the other two point to.
  std::shared_ptr<const tenant::Directory> directory{};
  const tenant::Integration* integration = nullptr;
  const tenant::Key* key = nullptr;

  std::string_view tenant() const {
    return integration != nullptr ? std::string_view(integration->tenant) : tenant::kDefaultTenant;
  }
  std::string_view integration_id() const {
    return integration != nullptr ? std::string_view(integration->id) : std::string_view();
  }
  std::string_view integration_name() const {
    return integration != nullptr ? std::string_view(integration->name) : std::string_view();
  }
  std::string_view key_id() const {
    return key != nullptr ? std::string_view(key->id) : std::string_view();
  }
};

}  // namespace capsem::proxy
