// The SQLite side of database.h.
#pragma once

#include <memory>

#include "server/sql/database.h"

namespace capsem::sql {

// REQUIRES: target.kind is Kind::Sqlite. Creates the file (mode 0600), and its folder (0700) when
// only that is missing.
Result<std::unique_ptr<Connection>> open_sqlite(const Target& target);

}  // namespace capsem::sql
