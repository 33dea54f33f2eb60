// One admin request on its way: its own copy of what came, since the connection it came on may be
// gone by the time it is answered.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/secret.h"
#include "core/wire/json.h"
#include "server/admin/admin.h"
#include "server/admin/router.h"

namespace capsem::admin {

using Parameters = std::vector<std::pair<std::string, std::string>>;

// The query string, decoded. Client error "invalid_request": a parameter that `route` does not
// name, one that comes twice, or one that is no text.
Result<Parameters> read_parameters(std::string_view query, const Route& route);

class Pending {
 public:
  // `in_flight` is raised by one until the request has been answered or forgotten.
  Pending(const AdminRequest& request, std::function<void(AdminReply)> respond,
          std::shared_ptr<std::atomic<std::size_t>> in_flight);
  ~Pending();  // wipes the body: it may hold a provider's key
  Pending(const Pending&) = delete;
  Pending& operator=(const Pending&) = delete;

  bool is_change() const { return method != "GET" && method != "HEAD"; }
  // Parses the body, if there must be one. Client errors "invalid_json", "invalid_request".
  Status read_body();
  // At most once; later calls do nothing.
  void respond(AdminReply reply);

  // Constant, once routed.
  const std::string method, path, query, peer;
  Secret token;
  const Route* route = nullptr;
  std::vector<std::string> ids;
  std::string request_id;

  // As it goes, one thread at a time.
  Principal who;
  Parameters parameters;
  std::string object, object_tenant;
  Changed changed = Changed::Nothing;
  bool foreign = false;
  std::int64_t began_ms = 0;
  const wire::JsonReader* body() const { return has_body_ ? &reader_ : nullptr; }

 private:
  std::string body_;
  bool has_body_ = false;
  wire::JsonReader reader_;
  std::function<void(AdminReply)> respond_;
  std::atomic<bool> answered_{false};
  std::shared_ptr<std::atomic<std::size_t>> in_flight_;
};

}  // namespace capsem::admin
