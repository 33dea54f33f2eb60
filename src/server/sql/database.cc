#include "server/sql/database.h"

#include "server/sql/postgres.h"
#include "server/sql/sqlite.h"

namespace capsem::sql {

Status in_transaction(Connection& connection, const std::function<Status()>& work) {
  // Also when `work` throws. After a commit there is nothing left to roll back.
  struct Guard {
    Connection& connection;
    bool open = true;
    ~Guard() {
      if (open) connection.rollback();
    }
  };
  if (Status begun = connection.begin(); !begun) return begun;
  Guard guard{connection};
  if (Status done = work(); !done) return done;
  guard.open = false;
  return connection.commit();
}

Status take_lock(Connection& connection, std::string_view name) {
  if (connection.kind() == Kind::Sqlite) return {};
  auto taken = connection.run("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", {name});
  if (!taken) return std::unexpected(std::move(taken.error()));
  return {};
}

Result<Target> target_of(std::string_view data_dir, std::string_view database_url) {
  Target target;
  if (database_url.empty()) {
    target.location = data_dir;
    if (!target.location.ends_with('/')) target.location += '/';
    target.location += "capsem.db";
    return target;
  }
  const bool url =
      database_url.starts_with("postgres://") || database_url.starts_with("postgresql://");
  if (!url && (database_url.find("://") != std::string_view::npos ||
               database_url.find('=') == std::string_view::npos)) {
    return gateway_error("store_invalid",
                         "the database's address is neither postgres://... nor \"host=... ...\"");
  }
  target.kind = Kind::Postgres;
  target.location = database_url;
  if (Status known = check_postgres(target.location); !known) {
    return std::unexpected(std::move(known.error()));
  }
  return target;
}

std::string describe(const Target& target) {
  if (target.kind == Kind::Sqlite) return "sqlite " + target.location;
  return "postgres " + describe_postgres(target.location);
}

Result<std::unique_ptr<Connection>> open(const Target& target) {
  return target.kind == Kind::Sqlite ? open_sqlite(target) : open_postgres(target);
}

}  // namespace capsem::sql
