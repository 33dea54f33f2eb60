// Rows into what loops hold in memory: who may call (tenant::Directory), and by which policies
// callers are judged (policy::Assignments and the uploaded files).
//
// Blocking; on the thread of the connection.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/policy/assignments.h"
#include "core/policy/loader.h"
#include "server/sql/database.h"
#include "server/tenant/directory.h"
#include "server/vault/vault.h"

namespace capsem::store {

// Stored keys that are looked for in texts: of this length at least, so many of them at most.
inline constexpr std::size_t kWatchedBytesMin = 16;
inline constexpr std::size_t kWatchedKeysMax = 500;

struct ReadOptions {
  std::shared_ptr<const vault::Vault> vault{};  // null: sealed on an operator's word
  std::int64_t wall_ms = 0;
};

// Something is wrong with a row; everything else goes on (T39). Names and ids, never a secret.
struct RowProblem {
  std::string code;      // "damaged_secret", "unknown_master_key", "damaged_row", "unwatched_keys"
  std::string detail;    // "secret 'openai-main' (id ...)": what, and what follows from it
  std::string tenant{};  // whose row it is; empty: the operator's
  friend bool operator==(const RowProblem&, const RowProblem&) = default;
};

// By which policies callers are judged, as far as the database says.
struct PolicyInputs {
  policy::Assignments assignments;
  std::vector<policy::SourceFile> files;  // "uploaded/earnings.toml", "uploaded/<tenant>/..."
  std::string digest;                     // over both: equal digests, equal inputs
};

struct DirectoryReading {
  tenant::Directory::Contents contents;  // without as_of_ns
  std::shared_ptr<const PolicyInputs> policies;
  std::set<std::string> restricted;  // keys (ids) that PolicyInputs restricts further
  std::int64_t next_expiry_ms = 0;   // when the first key expires; 0: none will
  std::vector<RowProblem> problems;
};
// Errors: the database's.
Result<DirectoryReading> read_directory(sql::Connection& connection, const ReadOptions& options);

// The name an uploaded file has among policy files.
std::string uploaded_name(std::string_view tenant, std::string_view file);

}  // namespace capsem::store
