// Uploaded policy files. A file's revisions count from 1 and are never changed; at most one of them
// acts. Rolling back is making an older one act.
//
// Blocking; on the thread of the connection. Errors: the database's; "not_found" and "conflict" as
// client errors.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/rows.h"

namespace capsem::store {

inline constexpr std::size_t kPolicyFilesMax = 1'000;       // of one tenant
inline constexpr std::size_t kPolicyRevisionsMax = 10'000;  // of one file
inline constexpr std::size_t kPolicySourceBytesMax = 512u << 10;
inline constexpr std::size_t kPolicyFileNameBytesMax = 100;

struct PolicyRevision {
  std::string tenant{}, file{};
  std::int64_t revision = 0;  // 1, 2, ...
  std::string digest{};       // SHA-256 of the source, 64 hexadecimal digits
  std::string note{}, created_by{};
  std::int64_t created_ms = 0;
  std::int64_t source_bytes = 0;
  std::string source{};  // of read_revision() alone
};

struct PolicyFileRow {
  std::string tenant{}, file{};
  std::int64_t revisions = 0;        // how many there are
  std::int64_t active_revision = 0;  // 0: none acts
  std::string activated_by{};
  std::int64_t activated_ms = 0;
};

// Letters, digits, '.', '_' and '-', no leading dot; ends in .toml, .yaml, .yml or .json.
bool is_policy_file_name(std::string_view name);

// The next revision of the file; it does not act. `row`: tenant, file, source, note, created_by.
// The same source as the newest revision's makes no new one: `made` is false.
struct Uploaded {
  PolicyRevision row;
  bool made = true;
};
Result<Uploaded> upload_policy(sql::Connection& connection, PolicyRevision row,
                               std::int64_t now_ms);
// In order of their names, those behind `after`.
Result<std::vector<PolicyFileRow>> list_policy_files(sql::Connection& connection,
                                                     std::string_view tenant,
                                                     std::string_view after, std::int64_t limit);
Result<std::optional<PolicyFileRow>> read_policy_file(sql::Connection& connection,
                                                      std::string_view tenant,
                                                      std::string_view file);
// Newest first, those below `before`; without sources.
Result<std::vector<PolicyRevision>> list_revisions(sql::Connection& connection,
                                                   std::string_view tenant, std::string_view file,
                                                   std::int64_t before, std::int64_t limit);
Result<std::optional<PolicyRevision>> read_revision(sql::Connection& connection,
                                                    std::string_view tenant, std::string_view file,
                                                    std::int64_t revision);
// False: it acts already.
Result<bool> activate_revision(sql::Connection& connection, const PolicyRevision& row,
                               std::string_view by, std::int64_t now_ms);
// False: none acted.
Result<bool> deactivate_policy(sql::Connection& connection, std::string_view tenant,
                               std::string_view file);

}  // namespace capsem::store
