// The PostgreSQL side of database.h, over libpq.
#pragma once

#include <memory>
#include <string>

#include "server/sql/database.h"

namespace capsem::sql {

// REQUIRES: target.kind is Kind::Postgres. Never waits for longer than connect_ms and one
// statement_ms, except for the look-up of the host's name, which libpq leaves to the system.
Result<std::unique_ptr<Connection>> open_postgres(const Target& target);

// Where a location leads; no password.
struct PostgresPlace {
  std::string host, port, user, database;
};
Result<PostgresPlace> place_of_postgres(const std::string& location);
// "db.example:5432/capsem"; no user and no password.
std::string describe_postgres(const std::string& location);
// Refuses what libpq cannot read, without showing it.
Status check_postgres(const std::string& location);

}  // namespace capsem::sql
