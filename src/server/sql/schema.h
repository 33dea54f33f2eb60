// The schema and its versions, the same for SQLite and PostgreSQL.
//
// Every step is one transaction and loses nothing; a step is never changed once it has been
// released.
#pragma once

#include <cstdint>

#include "server/sql/database.h"

namespace capsem::sql {

// The version this program works with.
std::uint32_t schema_version();

// Brings the database to schema_version(); what is there already stays as it is. Two gateways that
// start at once do it once. An error "store_invalid": the database is newer than this program.
Status migrate(Connection& connection);
// The same up to a version that was released once: for tests of the steps that follow it.
Status migrate_to(Connection& connection, std::uint32_t version);

// What migrate() would find. 0: an empty database.
Result<std::uint32_t> version_of(Connection& connection);

}  // namespace capsem::sql
