#include <fmt/format.h>

#include <chrono>
#include <filesystem>

#include "server/app/doctor.h"
#include "server/sql/database.h"
#include "server/sql/schema.h"

namespace capsem::app {
namespace {

constexpr std::string_view kDatabase = "database";

std::string advice_for(const Error& error) {
  if (error.code == "store_gone") return "is it running, and does it let this address and user in?";
  if (error.code == "store_full") return "make room";
  if (error.code == "store_busy") return "another process holds it: is a copy or a check running?";
  if (error.code == "store_invalid") return "it is another program's, a newer one's, or damaged";
  return "check the disk, and who may write there";
}

// False: nothing that needs the schema can be checked.
bool check_schema(sql::Connection& connection, const std::string& name, Checks& checks) {
  const auto version = sql::version_of(connection);
  const std::string what(kDatabase);
  if (!version) {
    checks.push_back(
        {Grade::Fail, what, name + ": " + version.error().detail, advice_for(version.error())});
    return false;
  }
  const std::uint32_t known = sql::schema_version();
  if (*version > known) {
    checks.push_back({Grade::Fail, what,
                      fmt::format("{}: version {}, this program knows {}", name, *version, known),
                      "run the newer program, or restore a backup made before it"});
    return false;
  }
  if (*version < known) {
    checks.push_back(
        {Grade::Ok, what,
         fmt::format("{}: version {}; the next start brings it to {}", name, *version, known),
         "make a backup first: capsem backup"});
    return false;
  }
  checks.push_back({Grade::Ok, what, fmt::format("{}: version {}", name, *version)});
  return true;
}

// Written, and rolled back: nothing is left.
void check_writing(sql::Connection& connection, Checks& checks) {
  const std::string what = "database write";
  Status written = connection.begin();
  if (written) {
    const auto row = connection.run("INSERT INTO meta (name, value) VALUES ($1, $2)",
                                    {std::string_view("doctor"), std::string_view("was here")});
    if (!row) written = std::unexpected(row.error());
    connection.rollback();
  }
  if (written) {
    checks.push_back({Grade::Ok, what, "written and rolled back"});
  } else {
    checks.push_back({Grade::Fail, what, written.error().detail, advice_for(written.error())});
  }
}

void check_clock(sql::Connection& connection, const std::string& name, Checks& checks) {
  if (connection.kind() != sql::Kind::Postgres) return;  // SQLite has this machine's
  std::int64_t theirs = 0;
  const auto read = connection.run("SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)",
                                   {}, [&](const sql::Row& row) { theirs = row.number(0); });
  if (!read) return;
  const auto ours = std::chrono::system_clock::now().time_since_epoch();
  checks.push_back(
      clock_check(name, theirs, std::chrono::duration_cast<std::chrono::seconds>(ours).count()));
}

}  // namespace

void check_database(const proxy::Settings& settings, Checks& checks) {
  if (settings.data_dir.empty() && settings.store.database_url.empty()) return;
  auto target = sql::target_of(settings.data_dir, settings.store.database_url);
  const std::string what(kDatabase);
  if (!target) {
    checks.push_back({Grade::Fail, what, target.error().detail, "correct store.database_url"});
    return;
  }
  const std::string name = sql::describe(*target);
  std::error_code error;
  if (target->kind == sql::Kind::Sqlite && !std::filesystem::exists(target->location, error)) {
    checks.push_back({Grade::Ok, what, name + ": does not exist yet; the first start makes it"});
    return;
  }
  target->busy_ms = target->statement_ms = target->connect_ms = settings.store.call_ms;
  const auto connection = sql::open(*target);
  if (!connection) {
    checks.push_back({Grade::Fail, what, name + ": " + connection.error().detail,
                      advice_for(connection.error())});
    return;
  }
  if (!check_schema(**connection, name, checks)) return;
  check_writing(**connection, checks);
  check_clock(**connection, name, checks);
}

void check_redis(const proxy::Settings& settings, Checks& checks) {
  if (settings.store.redis_url.empty()) {
    if (settings.store.replicas > 1) {
      checks.push_back({Grade::Ok, "Redis",
                        fmt::format("none: each of {} gateways grants its share of the limits",
                                    settings.store.replicas)});
    }
    return;
  }
}

}  // namespace capsem::app
