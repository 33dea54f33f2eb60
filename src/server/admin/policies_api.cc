#include "server/admin/fields.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/policy_files.h"
#include "server/store/tenants.h"

namespace capsem::admin {
namespace {

using store::PolicyFileRow;
using store::PolicyRevision;

// One error per line of `detail`.
AdminReply lines_reply(int status, std::string_view code, std::string_view detail) {
  std::vector<std::string> lines;
  while (!detail.empty()) {
    const auto end = detail.find('\n');
    if (end != 0) lines.emplace_back(detail.substr(0, end));
    detail = end == std::string_view::npos ? std::string_view{} : detail.substr(end + 1);
  }
  return errors_reply(status, code, lines);
}

std::string show(const PolicyFileRow& row) {
  Shown shown;
  shown.text("file", row.file).text("tenant", row.tenant).number("revisions", row.revisions);
  if (row.active_revision == 0) {
    shown.raw("active", "null");
  } else {
    shown.raw("active", Shown()
                            .number("revision", row.active_revision)
                            .text("by", row.activated_by)
                            .time("at", row.activated_ms)
                            .take());
  }
  return shown.take();
}

Shown shown(const PolicyRevision& row) {
  Shown shown;
  shown.text("file", row.file)
      .text("tenant", row.tenant)
      .number("revision", row.revision)
      .text("digest", "sha256:" + row.digest)
      .number("source_bytes", row.source_bytes)
      .text("note", row.note)
      .text("created_by", row.created_by)
      .time("created_at", row.created_ms);
  return shown;
}

// The tenant whose file is meant: the caller's, or the one that the query names.
Result<std::string> tenant_of(Call& call) {
  return call.tenant_for(call.query("tenant").value_or(""));
}

class Policies {
 public:
  explicit Policies(const Hooks& hooks) : hooks_(hooks) {}

  AdminReply in_force(Call&) const { return data_reply(policies_json(hooks_.policies())); }
  AdminReply reload(Call& call) const;
  AdminReply list(Call& call) const;
  AdminReply upload(Call& call) const;
  AdminReply revisions(Call& call) const;
  AdminReply revision(Call& call) const;
  AdminReply activate(Call& call) const;
  AdminReply deactivate(Call& call) const;

 private:
  Result<std::vector<std::string>> check(Call& call, const PolicyFile& file) const;

  const Hooks& hooks_;
};

AdminReply Policies::reload(Call& call) const {
  Fields fields(call.body);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  return call.answer_later([&hooks = hooks_](Call::Later answer) {
    hooks.reload([&hooks, answer = std::move(answer)](const ReloadReport& report) {
      if (report.outcome != ReloadReport::Outcome::Refused) {
        return answer(data_reply(reload_json(report, hooks.policies())));
      }
      const int status = report.loosens ? 409 : 422;
      answer(errors_reply(status, report.loosens ? "policies_loosened" : "invalid_policies",
                          report.errors));
    });
  });
}

AdminReply Policies::list(Call& call) const {
  const auto limit = number_of(call, "limit", 1, kPageRowsMax, kPageRowsDefault);
  if (!limit) return error_reply(limit.error());
  const auto tenant = tenant_of(call);
  if (!tenant) return error_reply(tenant.error());
  const auto rows = store::list_policy_files(*call.connection, *tenant,
                                             call.query("cursor").value_or(""), *limit + 1);
  if (!rows) return error_reply(rows.error());
  return page_reply(
      *rows, Page{.limit = static_cast<std::uint32_t>(*limit)},
      [](const PolicyFileRow& row) { return show(row); },
      [](const PolicyFileRow& row) { return row.file; });
}

Result<std::vector<std::string>> Policies::check(Call& call, const PolicyFile& file) const {
  if (!hooks_.check_policy) return std::vector<std::string>();
  return hooks_.check_policy(*call.connection, file);
}

AdminReply refused(const Error& error) {
  if (error.fault != Fault::Client) return error_reply(error);
  return lines_reply(422, "invalid_policy", error.detail);
}

AdminReply Policies::upload(Call& call) const {
  const auto tenant = tenant_of(call);
  if (!tenant) return error_reply(tenant.error());
  if (!store::is_policy_file_name(call.ids[0])) {
    return error_reply(400, "invalid_request",
                       "A file's name has letters, digits, '.', '_' and '-', and ends in .toml, "
                       ".yaml, .yml or .json");
  }
  Fields fields(call.body);
  PolicyRevision row{.tenant = *tenant, .file = call.ids[0]};
  row.source =
      fields.text("source", {.min = 1, .max = store::kPolicySourceBytesMax, .lines = true});
  row.note = fields.optional_text("note", {.min = 0, .max = kNoteBytesMax}).value_or("");
  row.created_by = call.who.name;
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto known = store::read_tenant(*call.connection, *tenant);
  if (!known) return error_reply(known.error());
  if (!*known) return not_found();
  const auto warnings = check(call, {.tenant = row.tenant, .file = row.file, .source = row.source});
  if (!warnings) return refused(warnings.error());
  const auto uploaded = store::upload_policy(*call.connection, std::move(row), call.now_ms);
  if (!uploaded) return error_reply(uploaded.error());
  call.about(uploaded->row.file + "@" + std::to_string(uploaded->row.revision),
             uploaded->row.tenant);
  return data_reply(shown(uploaded->row).list("warnings", *warnings).take(),
                    uploaded->made ? 201 : 200);
}

AdminReply Policies::revisions(Call& call) const {
  const auto limit = number_of(call, "limit", 1, kPageRowsMax, kPageRowsDefault);
  if (!limit) return error_reply(limit.error());
  const auto before = number_of(call, "cursor", 1, INT64_MAX, INT64_MAX);
  if (!before) return error_reply(before.error());
  const auto tenant = tenant_of(call);
  if (!tenant) return error_reply(tenant.error());
  const auto rows =
      store::list_revisions(*call.connection, *tenant, call.ids[0], *before, *limit + 1);
  if (!rows) return error_reply(rows.error());
  if (rows->empty() && *before == INT64_MAX) return not_found();
  return page_reply(
      *rows, Page{.limit = static_cast<std::uint32_t>(*limit)},
      [](const PolicyRevision& row) { return shown(row).take(); },
      [](const PolicyRevision& row) { return std::to_string(row.revision); });
}

Result<PolicyRevision> find(Call& call, std::int64_t revision) {
  const auto tenant = tenant_of(call);
  if (!tenant) return std::unexpected(tenant.error());
  auto row = store::read_revision(*call.connection, *tenant, call.ids[0], revision);
  if (!row) return std::unexpected(row.error());
  if (!*row) return client_error("not_found", "");
  return std::move(**row);
}

AdminReply Policies::revision(Call& call) const {
  const std::string& digits = call.ids[1];
  const bool number = !digits.empty() && digits.size() <= 9 &&
                      digits.find_first_not_of("0123456789") == std::string::npos;
  if (!number) return not_found();
  const auto row = find(call, std::stoll(digits));
  if (!row) return error_reply(row.error());
  return data_reply(shown(*row).text("source", row->source).take());
}

AdminReply Policies::activate(Call& call) const {
  Fields fields(call.body);
  const std::int64_t revision =
      fields.number("revision", 1, static_cast<std::int64_t>(store::kPolicyRevisionsMax));
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto row = find(call, revision);
  if (!row) return error_reply(row.error());
  call.about(row->file + "@" + std::to_string(row->revision), row->tenant);
  // What was sound when it came may clash with what has come since.
  const auto warnings =
      check(call, {.tenant = row->tenant, .file = row->file, .source = row->source});
  if (!warnings) return refused(warnings.error());
  const auto activated =
      store::activate_revision(*call.connection, *row, call.who.name, call.now_ms);
  if (!activated) return error_reply(activated.error());
  if (*activated) call.changes(Changed::Policies);
  return data_reply(shown(*row).list("warnings", *warnings).take());
}

AdminReply Policies::deactivate(Call& call) const {
  Fields fields(call.body);
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto tenant = tenant_of(call);
  if (!tenant) return error_reply(tenant.error());
  auto row = store::read_policy_file(*call.connection, *tenant, call.ids[0]);
  if (!row) return error_reply(row.error());
  if (!*row) return not_found();
  call.about((*row)->file, (*row)->tenant);
  const auto gone = store::deactivate_policy(*call.connection, *tenant, call.ids[0]);
  if (!gone) return error_reply(gone.error());
  if (*gone) call.changes(Changed::Policies);
  (*row)->active_revision = 0;
  return data_reply(show(**row));
}

}  // namespace

void add_policy_routes(Router& router, const Hooks& hooks) {
  const auto group = std::make_shared<const Policies>(hooks);
  const auto handler = [group](AdminReply (Policies::*answer)(Call&) const) {
    return [group, answer](Call& call) { return (group.get()->*answer)(call); };
  };
  router.add({.method = "GET",
              .pattern = "/v1/policies",
              .right = Right::Read,
              .handler = handler(&Policies::in_force)});
  router.add({.method = "POST",
              .pattern = "/v1/policies/reload",
              .right = Right::Manage,
              .handler = handler(&Policies::reload),
              .all_tenants = true,
              .optional_body = true});
  router.add({.method = "GET",
              .pattern = "/v1/policies/files",
              .right = Right::Read,
              .handler = handler(&Policies::list),
              .parameters = {"limit", "cursor", "tenant"}});
  router.add({.method = "PUT",
              .pattern = "/v1/policies/files/{file}",
              .right = Right::Manage,
              .handler = handler(&Policies::upload),
              .parameters = {"tenant"}});
  router.add({.method = "GET",
              .pattern = "/v1/policies/files/{file}/revisions",
              .right = Right::Read,
              .handler = handler(&Policies::revisions),
              .parameters = {"limit", "cursor", "tenant"}});
  router.add({.method = "GET",
              .pattern = "/v1/policies/files/{file}/revisions/{n}",
              .right = Right::Read,
              .handler = handler(&Policies::revision),
              .parameters = {"tenant"}});
  router.add({.method = "POST",
              .pattern = "/v1/policies/files/{file}/activate",
              .right = Right::Manage,
              .handler = handler(&Policies::activate),
              .parameters = {"tenant"}});
  router.add({.method = "POST",
              .pattern = "/v1/policies/files/{file}/deactivate",
              .right = Right::Manage,
              .handler = handler(&Policies::deactivate),
              .parameters = {"tenant"},
              .optional_body = true});
}

}  // namespace capsem::admin
