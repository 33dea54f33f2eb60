#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/meta.h"

namespace capsem::admin {
namespace {

std::string show_queues(const Facts& facts) {
  Shown queues;
  for (const auto& [name, waiting] : facts.queues) queues.number(name, waiting);
  return queues.take();
}

// What the database says of itself; null while it does not answer.
std::string show_versions(sql::Connection* connection) {
  if (connection == nullptr) return "null";
  const auto directory = store::read_version(*connection, store::kDirectoryVersion);
  const auto policy = store::read_version(*connection, store::kPolicyVersion);
  if (!directory || !policy) return "null";
  return Shown().number("directory", *directory).number("policy", *policy).take();
}

AdminReply status(Call& call, const Hooks& hooks) {
  const Facts facts = hooks.facts ? hooks.facts() : Facts{};
  Shown shown;
  shown.text("version", facts.version)
      .text("gateway", facts.gateway)
      .flag("ready", hooks.ready && hooks.ready())
      .text("policy_revision", facts.policy_revision)
      .number("policies", static_cast<std::int64_t>(facts.policies))
      .raw("database", Shown()
                           .text("kind", facts.database)
                           .flag("healthy", facts.database_healthy && call.connection != nullptr)
                           .raw("versions", show_versions(call.connection))
                           .take())
      .raw("directory", Shown()
                            .number("age_ms", facts.directory_age_ms)
                            .number("integrations", static_cast<std::int64_t>(facts.integrations))
                            .number("keys", static_cast<std::int64_t>(facts.keys))
                            .take())
      .text_or_null("redis", facts.redis)
      .raw("audit", Shown().flag("available", facts.audit_available).take())
      .raw("vault",
           Shown().flag("sealed", facts.sealed).flag("has_master_key", facts.has_master_key).take())
      .raw("queues", show_queues(facts))
      .raw("you", Shown()
                      .text("token_id", call.who.token_id)
                      .text("name", call.who.name)
                      .text("role", to_string(call.who.role))
                      .text_or_null("tenant", call.who.tenant)
                      .take());
  return data_reply(shown.take());
}

}  // namespace

void add_status_routes(Router& router, const Hooks& hooks) {
  router.add({.method = "GET",
              .pattern = "/v1/status",
              .right = Right::Read,
              .handler = [&hooks](Call& call) { return status(call, hooks); },
              .without_database = true});
}

}  // namespace capsem::admin
