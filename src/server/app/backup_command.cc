// `capsem backup` and `capsem restore`: the SQLite database as one file, and back.
#include <fmt/format.h>

#include <cstdio>
#include <string>

#include "server/app/command_line.h"
#include "server/sql/copy.h"
#include "server/sql/database.h"
#include "server/sql/postgres.h"

namespace capsem::app {
namespace {

constexpr const char* kExits =
    "Exit status: 0 done, 1 nothing was written (standard error says why), 2 misused.";

// PostgreSQL's own tools know how to copy a running database.
int point_to_postgres(const std::string& url, bool backup, const std::string& file) {
  const auto place = sql::place_of_postgres(url);
  if (!place) return fail(place.error());
  const std::string at = fmt::format("--host={} --port={} --username={} --dbname={}", place->host,
                                     place->port, place->user, place->database);
  if (backup) {
    fmt::print(stderr,
               "capsem backup: nothing was written. A PostgreSQL database is copied by its own "
               "program:\n  pg_dump --format=custom --file={} {}\n",
               file, at);
  } else {
    fmt::print(stderr,
               "capsem restore: nothing was written. Stop the gateways; then a PostgreSQL database "
               "is restored by its own program:\n  pg_restore --clean --if-exists --exit-on-error "
               "--single-transaction {} {}\n",
               at, file);
  }
  fmt::print(stderr, "The password comes from ~/.pgpass or PGPASSWORD.\n");
  return 1;
}

int report(const char* command, const sql::Copied& copied, const std::string& to,
           std::string_view note) {
  fmt::print("{}: {} ({} bytes, schema version {})\n{}\n", command, to, copied.bytes,
             copied.schema_version, note);
  return 0;
}

std::string database_in(const std::string& data_dir) {
  return sql::target_of(data_dir, {})->location;
}

}  // namespace

int run_backup(Arguments arguments) {
  CLI::App app("Copy the database as it is at one moment, while the gateway goes on",
               "capsem backup");
  std::string data_dir, database_url, to;
  bool force = false;
  auto* folder = app.add_option("--data-dir", data_dir, "the gateway's data directory");
  app.add_option("--database-url", database_url, "postgres://...: says what to run instead")
      ->excludes(folder);
  app.add_option("--to", to, "the file to write")->required();
  app.add_flag("--force", force, "replace a file that is there");
  app.footer(kExits);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (!database_url.empty()) return point_to_postgres(database_url, true, to);
  if (data_dir.empty()) {
    fmt::print(stderr, "capsem backup: which --data-dir?\n");
    return 2;
  }
  const auto copied = sql::copy_database(database_in(data_dir), to,
                                         force ? sql::Existing::Replace : sql::Existing::Refuse);
  if (!copied) return fail(copied.error());
  return report("backup", *copied, to,
                "Provider keys are in it only as they are stored, sealed. The master key is not in "
                "it:\nkeep that apart, without it the provider keys are lost.");
}

int run_restore(Arguments arguments) {
  CLI::App app("Put a backup in the place of the database; the gateway must not run",
               "capsem restore");
  std::string from, data_dir, database_url;
  bool force = false;
  app.add_option("--from", from, "a file that `capsem backup` wrote")->required();
  auto* folder = app.add_option("--data-dir", data_dir, "the gateway's data directory");
  app.add_option("--database-url", database_url, "postgres://...: says what to run instead")
      ->excludes(folder);
  app.add_flag("--force", force, "replace the database that is there");
  app.footer(kExits);
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (!database_url.empty()) return point_to_postgres(database_url, false, from);
  if (data_dir.empty()) {
    fmt::print(stderr, "capsem restore: which --data-dir?\n");
    return 2;
  }
  const std::string to = database_in(data_dir);
  const auto copied =
      sql::copy_database(from, to, force ? sql::Existing::Replace : sql::Existing::Refuse);
  if (!copied) {
    Error error = copied.error();
    if (error.code == "file_exists") error.detail += "; --force replaces it";
    return fail(error);
  }
  return report("restore", *copied, to,
                "What changed since the backup is undone: keys that were revoked since then are "
                "valid again.\nThe gateway needs the master key that was in use at the backup.");
}

}  // namespace capsem::app
