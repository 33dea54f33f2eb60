#include "server/app/admin_fields.h"

namespace capsem::app {
namespace {

constexpr SecretField kProviderKey{.stdin_flag = "--provider-key-stdin",
                                   .file_flag = "--provider-key-file",
                                   .member = "provider_key"};
constexpr SecretField kValue{.stdin_flag = "--value-stdin",
                             .file_flag = "--value-file",
                             .member = "value",
                             .required = true};

// What a gateway key may be used for (R36).
std::vector<Field> with_restrictions(std::vector<Field> fields) {
  fields.push_back({.flag = "--agents",
                    .member = "agents",
                    .help = "globs of agents that may use the key",
                    .kind = Kind::List});
  fields.push_back({.flag = "--models",
                    .member = "models",
                    .help = "globs of models it may ask",
                    .kind = Kind::List});
  fields.push_back({.flag = "--policies",
                    .member = "policies",
                    .help = "ids of policies beside the integration's",
                    .kind = Kind::List});
  fields.push_back({.flag = "--limits",
                    .member = "limits",
                    .help = "requests_per_minute=10,tokens_per_day=100000,...",
                    .kind = Kind::Amounts});
  fields.push_back(kExpires);
  return fields;
}

void add_integrations(std::vector<Word>& words) {
  const Field base_url{.flag = "--base-url",
                       .member = "base_url",
                       .help = "where the provider is; without: the gateway's own setting"};
  const Field allow_private{.flag = "--allow-private",
                            .member = "allow_private",
                            .help = "the provider may be on the own network",
                            .kind = Kind::Flag};
  const Field secret{.flag = "--secret",
                     .member = "secret_id",
                     .help = "a provider key that is kept already, by its id"};
  words.push_back({.noun = "integrations",
                   .verb = "list",
                   .help = "all integrations",
                   .method = "GET",
                   .path = "/v1/integrations",
                   .fields = {kTenantQuery, kLimit, kCursor},
                   .columns = {{"ID", "id"},
                               {"NAME", "name"},
                               {"PROVIDER", "provider"},
                               {"STATE", "state"},
                               {"TENANT", "tenant"}}});
  words.push_back({.noun = "integrations",
                   .verb = "create",
                   .help = "a proxy URL for one provider key, and the first gateway key",
                   .method = "POST",
                   .path = "/v1/integrations",
                   .fields = with_restrictions(
                       {kName,
                        {.flag = "--provider",
                         .member = "provider",
                         .help = "openai, gemini or anthropic",
                         .required = true},
                        secret,
                        base_url,
                        allow_private,
                        kQuota,
                        kTenantField,
                        {.flag = "--key-name", .member = "key_name", .help = "of the first key"}}),
                   .secret = kProviderKey,
                   .shown_once = "key"});
  words.push_back({.noun = "integrations",
                   .verb = "show",
                   .help = "one integration",
                   .method = "GET",
                   .path = "/v1/integrations/{id}",
                   .positionals = {"id"}});
  words.push_back({.noun = "integrations",
                   .verb = "update",
                   .help = "another name, state, secret, base URL or quota",
                   .method = "PATCH",
                   .path = "/v1/integrations/{id}",
                   .positionals = {"id"},
                   .fields = {{.flag = "--name", .member = "name", .help = "for people"},
                              {.flag = "--state", .member = "state", .help = "active, disabled"},
                              secret,
                              base_url,
                              allow_private,
                              kQuota}});
  words.push_back({.noun = "integrations",
                   .verb = "delete",
                   .help = "its proxy URL answers no more",
                   .method = "DELETE",
                   .path = "/v1/integrations/{id}",
                   .positionals = {"id"}});
}

void add_keys(std::vector<Word>& words) {
  words.push_back({.noun = "keys",
                   .verb = "list",
                   .help = "the gateway keys of an integration",
                   .method = "GET",
                   .path = "/v1/integrations/{integration}/keys",
                   .positionals = {"integration"},
                   .fields = {kLimit, kCursor},
                   .columns = {{"ID", "id"},
                               {"NAME", "name"},
                               {"KEY", "prefix"},
                               {"STATE", "state"},
                               {"EXPIRES", "expires_at"}}});
  words.push_back(
      {.noun = "keys",
       .verb = "create",
       .help = "a gateway key; shown once",
       .method = "POST",
       .path = "/v1/integrations/{integration}/keys",
       .positionals = {"integration"},
       .fields = with_restrictions({{.flag = "--name", .member = "name", .help = "for people"}}),
       .shown_once = "key"});
  words.push_back({.noun = "keys",
                   .verb = "show",
                   .help = "one key, without the key",
                   .method = "GET",
                   .path = "/v1/keys/{id}",
                   .positionals = {"id"}});
  words.push_back({.noun = "keys",
                   .verb = "rotate",
                   .help = "a new key with the same restrictions; shown once",
                   .method = "POST",
                   .path = "/v1/keys/{id}/rotate",
                   .positionals = {"id"},
                   .fields = {{.flag = "--overlap-s",
                               .member = "overlap_s",
                               .help = "seconds the old one works on; without: none",
                               .kind = Kind::Number}},
                   .shown_once = "key"});
  words.push_back({.noun = "keys",
                   .verb = "revoke",
                   .help = "it is refused from the next request on",
                   .method = "POST",
                   .path = "/v1/keys/{id}/revoke",
                   .positionals = {"id"}});
}

void add_secrets(std::vector<Word>& words) {
  words.push_back({.noun = "secrets",
                   .verb = "list",
                   .help = "the provider keys that are kept, without the keys",
                   .method = "GET",
                   .path = "/v1/secrets",
                   .fields = {kTenantQuery, kLimit, kCursor},
                   .columns = {{"ID", "id"},
                               {"NAME", "name"},
                               {"PROVIDER", "provider"},
                               {"KEY", "hint"},
                               {"TENANT", "tenant"}}});
  words.push_back({.noun = "secrets",
                   .verb = "create",
                   .help = "keep a provider key",
                   .method = "POST",
                   .path = "/v1/secrets",
                   .fields = {kName,
                              {.flag = "--provider",
                               .member = "provider",
                               .help = "openai, gemini or anthropic",
                               .required = true},
                              kTenantField},
                   .secret = kValue});
  words.push_back({.noun = "secrets",
                   .verb = "replace",
                   .help = "another key in its place; what uses it uses the new one",
                   .method = "PUT",
                   .path = "/v1/secrets/{id}",
                   .positionals = {"id"},
                   .secret = kValue});
  words.push_back({.noun = "secrets",
                   .verb = "delete",
                   .help = "forget it; refused while an integration needs it",
                   .method = "DELETE",
                   .path = "/v1/secrets/{id}",
                   .positionals = {"id"}});
}

void add_bindings(std::vector<Word>& words) {
  words.push_back(
      {.noun = "bindings",
       .verb = "list",
       .help = "which policies act where",
       .method = "GET",
       .path = "/v1/bindings",
       .fields = {filter("--policy", "policy", "of this policy or glob"),
                  filter("--target", "target", "of this target"), kTenantQuery, kLimit, kCursor},
       .columns = {{"POLICY", "policy"}, {"TARGET", "target"}, {"TENANT", "tenant"}}});
  const std::vector<Field> fields = {
      {.flag = "--policy",
       .member = "policy",
       .help = "a policy's id, or a glob of ids",
       .required = true},
      {.flag = "--target",
       .member = "target",
       .help = "an integration's id, root (the root routes), or * (everything)",
       .required = true}};
  words.push_back({.noun = "bindings",
                   .verb = "create",
                   .help = "let a policy act on an integration",
                   .method = "POST",
                   .path = "/v1/bindings",
                   .fields = fields});
  words.push_back({.noun = "bindings",
                   .verb = "delete",
                   .help = "let it act there no more",
                   .method = "DELETE",
                   .path = "/v1/bindings",
                   .fields = {filter("--policy", "policy", "as it was bound"),
                              filter("--target", "target", "as it was bound")}});
}

void add_policies(std::vector<Word>& words) {
  words.push_back({.noun = "policies",
                   .verb = "list",
                   .help = "the policies in force, and how the last reload went",
                   .method = "GET",
                   .path = "/v1/policies"});
  words.push_back({.noun = "policies",
                   .verb = "reload",
                   .help = "read the configuration directory again",
                   .method = "POST",
                   .path = "/v1/policies/reload"});
  words.push_back({.noun = "policies",
                   .verb = "files",
                   .help = "the uploaded files",
                   .method = "GET",
                   .path = "/v1/policies/files",
                   .fields = {kTenantQuery, kLimit, kCursor},
                   .columns = {{"FILE", "file"},
                               {"REVISIONS", "revisions"},
                               {"ACTIVE", "active.revision"},
                               {"TENANT", "tenant"}}});
  words.push_back({.noun = "policies",
                   .verb = "upload",
                   .help = "a new revision of a file; it is checked, and acts once it is activated",
                   .method = "PUT",
                   .path = "/v1/policies/files/{file}",
                   .positionals = {"source"},
                   .fields = {{.flag = "source",
                               .member = "source",
                               .help = "the policy file to read",
                               .kind = Kind::File},
                              {.flag = "--as",
                               .member = "file",
                               .help = "its name in the gateway; without: that of the file",
                               .in = In::Path},
                              kNote,
                              kTenantQuery}});
  const Field revision{.flag = "--revision",
                       .member = "revision",
                       .help = "which one",
                       .kind = Kind::Number,
                       .required = true};
  for (const std::string_view verb : {"activate", "rollback"}) {
    words.push_back({.noun = "policies",
                     .verb = verb,
                     .help = verb == "activate" ? "put a revision of a file in force"
                                                : "put an earlier one in force",
                     .method = "POST",
                     .path = "/v1/policies/files/{file}/activate",
                     .positionals = {"file"},
                     .fields = {revision, kTenantQuery}});
  }
  words.push_back({.noun = "policies",
                   .verb = "deactivate",
                   .help = "let the file act no more",
                   .method = "POST",
                   .path = "/v1/policies/files/{file}/deactivate",
                   .positionals = {"file"},
                   .fields = {kTenantQuery}});
  words.push_back({.noun = "policies",
                   .verb = "revisions",
                   .help = "who uploaded what when",
                   .method = "GET",
                   .path = "/v1/policies/files/{file}/revisions",
                   .positionals = {"file"},
                   .fields = {kTenantQuery, kLimit, kCursor},
                   .columns = {{"REVISION", "revision"},
                               {"DIGEST", "digest"},
                               {"BY", "created_by"},
                               {"AT", "created_at"},
                               {"NOTE", "note"}}});
  words.push_back({.noun = "policies",
                   .verb = "revision",
                   .help = "one revision with its source",
                   .method = "GET",
                   .path = "/v1/policies/files/{file}/revisions/{revision}",
                   .positionals = {"file", "revision"},
                   .fields = {kTenantQuery}});
}

}  // namespace

void add_object_words(std::vector<Word>& words) {
  add_integrations(words);
  add_keys(words);
  add_secrets(words);
  add_bindings(words);
  add_policies(words);
}

}  // namespace capsem::app
