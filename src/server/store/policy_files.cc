#include "server/store/policy_files.h"

#include <algorithm>
#include <array>

#include "core/base/sha256.h"
#include "server/store/meta.h"

namespace capsem::store {
namespace {

PolicyFileRow read_file(const sql::Row& row) {
  return {.tenant = std::string(row.text(0)),
          .file = std::string(row.text(1)),
          .revisions = row.number(2),
          .active_revision = row.number(3),
          .activated_by = std::string(row.text(4)),
          .activated_ms = row.number(5)};
}

PolicyRevision read_head(const sql::Row& row) {
  return {.tenant = std::string(row.text(0)),
          .file = std::string(row.text(1)),
          .revision = row.number(2),
          .digest = std::string(row.text(3)),
          .note = std::string(row.text(4)),
          .created_by = std::string(row.text(5)),
          .created_ms = row.number(6),
          .source_bytes = row.number(7),
          .source = {}};
}

Result<std::optional<PolicyRevision>> newest(sql::Connection& connection, std::string_view tenant,
                                             std::string_view file) {
  const auto list = list_revisions(connection, tenant, file, INT64_MAX, 1);
  if (!list) return std::unexpected(list.error());
  if (list->empty()) return std::optional<PolicyRevision>();
  return std::optional(list->front());
}

Status check_room(sql::Connection& connection, const PolicyRevision& row, bool first) {
  if (!first) {
    if (row.revision <= static_cast<std::int64_t>(kPolicyRevisionsMax)) return {};
    return client_error(
        "conflict", "The file has " + std::to_string(kPolicyRevisionsMax) + " revisions already");
  }
  const auto count =
      number_of(connection, "SELECT COUNT(DISTINCT file) FROM policy_revision WHERE tenant_id = $1",
                {std::string_view(row.tenant)});
  if (!count) return std::unexpected(count.error());
  if (*count < static_cast<std::int64_t>(kPolicyFilesMax)) return {};
  return client_error(
      "conflict", "The tenant has " + std::to_string(kPolicyFilesMax) + " policy files already");
}

}  // namespace

bool is_policy_file_name(std::string_view name) {
  constexpr std::array kEndings = {std::string_view(".toml"), std::string_view(".yaml"),
                                   std::string_view(".yml"), std::string_view(".json")};
  const auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const bool known = std::ranges::any_of(kEndings, [&](std::string_view ending) {
    return name.size() > ending.size() && name.ends_with(ending);
  });
  return known && name.size() <= kPolicyFileNameBytesMax && name.front() != '.' &&
         std::ranges::all_of(name, plain);
}

Result<Uploaded> upload_policy(sql::Connection& connection, PolicyRevision row,
                               std::int64_t now_ms) {
  row.digest = sha256_hex(row.source);
  row.created_ms = now_ms;
  row.source_bytes = static_cast<std::int64_t>(row.source.size());
  Uploaded uploaded;
  const Status done_well = sql::in_transaction(connection, [&]() -> Status {
    const auto latest = newest(connection, row.tenant, row.file);
    if (!latest) return std::unexpected(latest.error());
    if (*latest && (*latest)->digest == row.digest) {
      uploaded = {.row = **latest, .made = false};
      return {};
    }
    row.revision = *latest ? (*latest)->revision + 1 : 1;
    if (auto room = check_room(connection, row, !*latest); !room) return room;
    uploaded = {.row = row, .made = true};
    return done(connection.run(
        "INSERT INTO policy_revision (tenant_id, file, revision, source, digest, note, "
        "created_by, created_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        {std::string_view(row.tenant), std::string_view(row.file), row.revision,
         std::string_view(row.source), std::string_view(row.digest), std::string_view(row.note),
         std::string_view(row.created_by), now_ms}));
  });
  if (!done_well) return std::unexpected(done_well.error());
  uploaded.row.source.clear();
  return uploaded;
}

Result<std::vector<PolicyFileRow>> list_policy_files(sql::Connection& connection,
                                                     std::string_view tenant,
                                                     std::string_view after, std::int64_t limit) {
  std::vector<PolicyFileRow> list;
  const auto read_rows = connection.run(
      "SELECT r.tenant_id, r.file, COUNT(*), MAX(a.revision), MAX(a.activated_by), "
      "MAX(a.activated_ms) FROM policy_revision r "
      "LEFT JOIN policy_active a ON a.tenant_id = r.tenant_id AND a.file = r.file "
      "WHERE r.tenant_id = $1 AND r.file > $2 GROUP BY r.tenant_id, r.file "
      "ORDER BY r.file LIMIT $3",
      {tenant, after, limit}, [&](const sql::Row& row) { list.push_back(read_file(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Result<std::optional<PolicyFileRow>> read_policy_file(sql::Connection& connection,
                                                      std::string_view tenant,
                                                      std::string_view file) {
  std::optional<PolicyFileRow> found;
  const auto read_rows = connection.run(
      "SELECT r.tenant_id, r.file, COUNT(*), MAX(a.revision), MAX(a.activated_by), "
      "MAX(a.activated_ms) FROM policy_revision r "
      "LEFT JOIN policy_active a ON a.tenant_id = r.tenant_id AND a.file = r.file "
      "WHERE r.tenant_id = $1 AND r.file = $2 GROUP BY r.tenant_id, r.file",
      {tenant, file}, [&](const sql::Row& row) { found = read_file(row); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<std::vector<PolicyRevision>> list_revisions(sql::Connection& connection,
                                                   std::string_view tenant, std::string_view file,
                                                   std::int64_t before, std::int64_t limit) {
  std::vector<PolicyRevision> list;
  const auto read_rows = connection.run(
      "SELECT tenant_id, file, revision, digest, note, created_by, created_ms, LENGTH(source) "
      "FROM policy_revision WHERE tenant_id = $1 AND file = $2 AND revision < $3 "
      "ORDER BY revision DESC LIMIT $4",
      {tenant, file, before, limit}, [&](const sql::Row& row) { list.push_back(read_head(row)); });
  if (!read_rows) return std::unexpected(read_rows.error());
  return list;
}

Result<std::optional<PolicyRevision>> read_revision(sql::Connection& connection,
                                                    std::string_view tenant, std::string_view file,
                                                    std::int64_t revision) {
  std::optional<PolicyRevision> found;
  const auto read_rows = connection.run(
      "SELECT tenant_id, file, revision, digest, note, created_by, created_ms, LENGTH(source), "
      "source FROM policy_revision WHERE tenant_id = $1 AND file = $2 AND revision = $3",
      {tenant, file, revision}, [&](const sql::Row& row) {
        found = read_head(row);
        found->source = row.text(8);
      });
  if (!read_rows) return std::unexpected(read_rows.error());
  return found;
}

Result<bool> activate_revision(sql::Connection& connection, const PolicyRevision& row,
                               std::string_view by, std::int64_t now_ms) {
  bool changed = false;
  const Status activated = sql::in_transaction(connection, [&]() -> Status {
    const auto written = connection.run(
        "INSERT INTO policy_active (tenant_id, file, revision, activated_by, activated_ms) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, file) DO UPDATE SET "
        "revision = excluded.revision, activated_by = excluded.activated_by, "
        "activated_ms = excluded.activated_ms WHERE policy_active.revision <> excluded.revision",
        {std::string_view(row.tenant), std::string_view(row.file), row.revision, by, now_ms});
    if (!written) return std::unexpected(written.error());
    changed = *written != 0;
    return changed ? raise_version(connection, kPolicyVersion) : Status();
  });
  if (!activated) return std::unexpected(activated.error());
  return changed;
}

Result<bool> deactivate_policy(sql::Connection& connection, std::string_view tenant,
                               std::string_view file) {
  bool changed = false;
  const Status removed = sql::in_transaction(connection, [&]() -> Status {
    const auto gone = connection.run("DELETE FROM policy_active WHERE tenant_id = $1 AND file = $2",
                                     {tenant, file});
    if (!gone) return std::unexpected(gone.error());
    changed = *gone != 0;
    return changed ? raise_version(connection, kPolicyVersion) : Status();
  });
  if (!removed) return std::unexpected(removed.error());
  return changed;
}

}  // namespace capsem::store
