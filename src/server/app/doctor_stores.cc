#include <fmt/format.h>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include "server/app/doctor.h"
#include "server/app/state.h"
#include "server/redis/url.h"
#include "server/sql/database.h"
#include "server/sql/schema.h"
#include "server/store/audit_verify.h"
#include "server/vault/vault.h"

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

// Every stored secret, opened and wiped again.
void check_vault(const proxy::Settings& settings, sql::Connection& connection, Checks& checks) {
  const std::string what = "master key";
  auto keys = read_master_keys(settings.vault, connection);
  if (!keys) {
    checks.push_back({Grade::Fail, what, keys.error().detail, "see [vault] in capsem.toml"});
    return;
  }
  const vault::Vault vault(std::move(*keys));
  std::uint64_t stored = 0, opened = 0, older = 0;
  const auto read = connection.run(
      "SELECT id, tenant_id, provider, blob FROM secret", {}, [&](const sql::Row& row) {
        ++stored;
        const vault::Place place{
            .tenant = row.text(1), .provider = row.text(2), .row = row.text(0)};
        if (!vault.open(row.blob(3), place)) return;
        ++opened;
        if (vault::Vault::key_id_of(row.blob(3)) != vault.key_id()) ++older;
      });
  if (!read) {
    checks.push_back({Grade::Fail, what, read.error().detail, advice_for(read.error())});
  } else if (opened < stored) {
    checks.push_back(
        {Grade::Fail, what,
         fmt::format("{} of {} stored provider keys cannot be opened", stored - opened, stored),
         "name the master key they were sealed under, or replace them"});
  } else if (!vault.has_key()) {
    checks.push_back({Grade::Warn, what, "none: no provider key can be stored",
                      "make one: docs/operations.md, Master key"});
  } else if (older > 0) {
    checks.push_back({Grade::Warn, what,
                      fmt::format("{}: {} of {} secrets are sealed under an older one",
                                  vault.key_id(), older, stored),
                      "capsem admin vault rewrap, then drop the older one"});
  } else {
    checks.push_back(
        {Grade::Ok, what,
         fmt::format("{}: opens all {} stored provider keys", vault.key_id(), stored)});
  }
}

// All of a short audit; a long one takes `capsem audit verify` and its time.
void check_audit(sql::Connection& connection, Checks& checks) {
  constexpr std::int64_t kRecordsMax = 100'000;
  const std::string what = "audit";
  std::int64_t records = 0;
  const auto counted = connection.run(
      "SELECT CAST(COALESCE(SUM(records), 0) AS BIGINT) FROM audit_segment WHERE retired_ms IS "
      "NULL",
      {}, [&](const sql::Row& row) { records = row.number(0); });
  if (counted && records > kRecordsMax) {
    checks.push_back({Grade::Ok, what,
                      fmt::format("{} records, not looked at: capsem audit verify does", records)});
    return;
  }
  const auto report = counted ? store::verify_audit(connection, {})
                              : Result<store::AuditReport>(std::unexpected(counted.error()));
  if (!report) {
    checks.push_back({Grade::Fail, what, report.error().detail, advice_for(report.error())});
    return;
  }
  for (const store::AuditFault& fault : report->faults) {
    checks.push_back(
        {Grade::Fail, what,
         fmt::format("segment {}, record {}: {}", fault.segment, fault.seq, fault.what),
         "keep this database, and find out who wrote to it"});
  }
  if (report->faults.empty()) {
    checks.push_back(
        {Grade::Ok, what, fmt::format("{} records, the chain is whole", report->records)});
  }
}

struct FreeRedis {
  void operator()(redisContext* context) const { ::redisFree(context); }
  void operator()(redisReply* reply) const { ::freeReplyObject(reply); }
};
using Reply = std::unique_ptr<redisReply, FreeRedis>;

// "" or what Redis or the connection says against it.
std::string complaint(redisContext& context, std::initializer_list<std::string_view> words) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view word : words) {
    texts.push_back(word.data());
    sizes.push_back(word.size());
  }
  const Reply reply(static_cast<redisReply*>(
      ::redisCommandArgv(&context, static_cast<int>(texts.size()), texts.data(), sizes.data())));
  if (reply == nullptr) return context.errstr;
  if (reply->type == REDIS_REPLY_ERROR) return std::string(reply->str, reply->len);
  return {};
}

// "" or why Redis is of no use.
std::string redis_complaint(const redis::Target& target, std::uint32_t call_ms) {
  const timeval time{.tv_sec = call_ms / 1'000,
                     .tv_usec = static_cast<suseconds_t>(call_ms % 1'000) * 1'000};
  const std::unique_ptr<redisContext, FreeRedis> context(
      ::redisConnectWithTimeout(target.host.c_str(), target.port, time));
  if (context == nullptr) return "no memory";
  if (context->err != 0) return context->errstr;
  ::redisSetTimeout(context.get(), time);
  std::string said;
  if (!target.password.empty()) {
    said = target.user.empty()
               ? complaint(*context, {"AUTH", target.password.reveal()})
               : complaint(*context, {"AUTH", target.user, target.password.reveal()});
  }
  if (said.empty() && target.database != 0) {
    said = complaint(*context, {"SELECT", std::to_string(target.database)});
  }
  if (said.empty()) said = complaint(*context, {"PING"});
  // Scripts are what limits are counted with; a user may lack the right.
  if (said.empty()) said = complaint(*context, {"EVAL", "return redis.call('TIME')", "0"});
  return said;
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
  check_vault(settings, **connection, checks);
  check_audit(**connection, checks);
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
  const auto target = redis::parse_url(settings.store.redis_url);
  if (!target) {
    checks.push_back({Grade::Fail, "Redis", target.error().detail, "correct store.redis_url"});
    return;
  }
  const std::string where = fmt::format("{}:{}", target->host, target->port);
  // Connecting takes longer than a call of a connection that is open.
  const std::string said = redis_complaint(*target, std::max(settings.store.redis_call_ms, 1'000u));
  if (said.empty()) {
    checks.push_back({Grade::Ok, "Redis", where + ": answers"});
  } else {
    checks.push_back({Grade::Fail, "Redis", where + ": " + said,
                      "until it answers, each limit acts as its on_store_down says"});
  }
}

}  // namespace capsem::app
