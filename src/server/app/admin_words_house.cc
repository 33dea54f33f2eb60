#include "server/app/admin_fields.h"

namespace capsem::app {
namespace {

void add_status(std::vector<Word>& words) {
  words.push_back({.noun = "status",
                   .verb = "show",
                   .help = "the gateway, its database and what is in force",
                   .method = "GET",
                   .path = "/v1/status"});
}

void add_tenants(std::vector<Word>& words) {
  const std::vector<Column> columns = {{"ID", "id"},
                                       {"NAME", "name"},
                                       {"CONTENT", "content_level"},
                                       {"EVALUATIONS/MONTH", "evaluations_per_month"}};
  const Field level{.flag = "--content-level",
                    .member = "content_level",
                    .help = "what is kept of exchanges: none, hash, redacted, full"};
  words.push_back({.noun = "tenants",
                   .verb = "list",
                   .help = "all tenants",
                   .method = "GET",
                   .path = "/v1/tenants",
                   .fields = {kLimit, kCursor},
                   .columns = columns});
  words.push_back({.noun = "tenants",
                   .verb = "create",
                   .help = "a new tenant",
                   .method = "POST",
                   .path = "/v1/tenants",
                   .fields = {kName,
                              {.flag = "--id", .member = "id", .help = "letters, digits, dashes"},
                              level,
                              kQuota}});
  words.push_back({.noun = "tenants",
                   .verb = "show",
                   .help = "one tenant",
                   .method = "GET",
                   .path = "/v1/tenants/{id}",
                   .positionals = {"id"}});
  words.push_back(
      {.noun = "tenants",
       .verb = "update",
       .help = "change what is kept and how much may be used",
       .method = "PATCH",
       .path = "/v1/tenants/{id}",
       .positionals = {"id"},
       .fields = {{.flag = "--name", .member = "name", .help = "for people"}, level, kQuota}});
}

void add_tokens(std::vector<Word>& words) {
  words.push_back({.noun = "tokens",
                   .verb = "list",
                   .help = "who may administer",
                   .method = "GET",
                   .path = "/v1/admin-tokens",
                   .fields = {kTenantQuery, kLimit, kCursor},
                   .columns = {{"ID", "id"},
                               {"NAME", "name"},
                               {"ROLE", "role"},
                               {"TOKEN", "prefix"},
                               {"TENANT", "tenant"},
                               {"REVOKED", "revoked_at"}}});
  words.push_back({.noun = "tokens",
                   .verb = "create",
                   .help = "a token for one person or program; shown once",
                   .method = "POST",
                   .path = "/v1/admin-tokens",
                   .fields = {kName,
                              {.flag = "--role",
                               .member = "role",
                               .help = "admin, reviewer, auditor or read-only",
                               .required = true},
                              {.flag = "--tenant",
                               .member = "tenant",
                               .help = "for this tenant's objects only; without: for all"},
                              kExpires},
                   .shown_once = "token"});
  words.push_back({.noun = "tokens",
                   .verb = "revoke",
                   .help = "it is refused from the next request on",
                   .method = "DELETE",
                   .path = "/v1/admin-tokens/{id}",
                   .positionals = {"id"}});
}

void add_vault(std::vector<Word>& words) {
  const struct {
    std::string_view verb, help, path;
  } steps[] = {
      {"seal", "wipe the provider keys from memory: integrations answer 503", "/v1/vault/seal"},
      {"unseal", "read the master key again and open the provider keys", "/v1/vault/unseal"},
      {"rewrap", "seal every secret under the first master key again", "/v1/vault/rewrap"}};
  for (const auto& step : steps) {
    words.push_back({.noun = "vault",
                     .verb = step.verb,
                     .help = step.help,
                     .method = "POST",
                     .path = step.path});
  }
}

}  // namespace

void add_house_words(std::vector<Word>& words) {
  add_status(words);
  add_tenants(words);
  add_tokens(words);
  add_vault(words);
}

}  // namespace capsem::app
