#include "server/sql/schema.h"

#include <charconv>
#include <span>
#include <string>
#include <vector>

namespace capsem::sql {
namespace {

// Types are spelled so that both databases understand them: SQLite stores whole numbers in 64 bits
// and bytes as they are, whatever the column is called. Times are milliseconds since 1970, UTC.
// Lists and objects are JSON texts.
constexpr const char* kFirst[] = {
    // What gateways that share the database agree on: "directory_version", "policy_version", ...
    R"(CREATE TABLE meta (
      name TEXT PRIMARY KEY,
      value TEXT NOT NULL))",

    R"(CREATE TABLE tenant (
      id TEXT PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      content_level TEXT NOT NULL,           -- none, hash, redacted, full
      evaluations_per_month BIGINT,          -- NULL: no quota (R48)
      created_ms BIGINT NOT NULL))",

    // R37. `blob` is sealed; `hint` is what may be shown ("sk-proj-ab...").
    R"(CREATE TABLE secret (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL REFERENCES tenant(id),
      name TEXT NOT NULL,
      provider TEXT NOT NULL,
      blob BYTEA NOT NULL,
      key_id TEXT NOT NULL,                  -- of the master key it is sealed under
      hint TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      rotated_ms BIGINT,
      UNIQUE (tenant_id, name)))",

    R"(CREATE TABLE integration (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL REFERENCES tenant(id),
      name TEXT NOT NULL,
      provider TEXT NOT NULL,                -- openai, gemini, anthropic
      secret_id TEXT NOT NULL REFERENCES secret(id),
      base_url TEXT NOT NULL,                -- '': the gateway's own for this provider
      allow_private BIGINT NOT NULL,         -- T23
      evaluations_per_month BIGINT,
      state TEXT NOT NULL,                   -- active, disabled
      created_ms BIGINT NOT NULL,
      UNIQUE (tenant_id, name)))",

    // R36. `mac` is HMAC-SHA-256 of the whole key; the key itself is nowhere.
    R"(CREATE TABLE gateway_key (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL REFERENCES tenant(id),
      integration_id TEXT NOT NULL REFERENCES integration(id),
      name TEXT NOT NULL,
      prefix TEXT NOT NULL,
      mac BYTEA NOT NULL UNIQUE,
      agents TEXT NOT NULL,                  -- JSON list of globs; []: any, marked asserted (X11)
      models TEXT NOT NULL,                  -- JSON list of globs; []: all
      policies TEXT NOT NULL,                -- JSON list of policy ids beside the integration's
      limits TEXT NOT NULL,                  -- JSON object: {"requests_per_minute":10,...}
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT,
      revoked_ms BIGINT,
      replaced_by TEXT))",

    // Where a policy acts: `target` is an integration's id, 'root' for the root routes, '*' for
    // all.
    R"(CREATE TABLE binding (
      tenant_id TEXT NOT NULL REFERENCES tenant(id),
      policy TEXT NOT NULL,                  -- a policy's id, or a glob of ids
      target TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      PRIMARY KEY (policy, target)))",

    // Uploaded policy files. A file's revisions count from 1 and are never changed.
    R"(CREATE TABLE policy_revision (
      tenant_id TEXT NOT NULL REFERENCES tenant(id),
      file TEXT NOT NULL,                    -- "earnings.toml"
      revision BIGINT NOT NULL,
      source TEXT NOT NULL,
      digest TEXT NOT NULL,                  -- SHA-256 of the source
      note TEXT NOT NULL,
      created_by TEXT NOT NULL,
      created_ms BIGINT NOT NULL,
      PRIMARY KEY (tenant_id, file, revision)))",
    R"(CREATE TABLE policy_active (
      tenant_id TEXT NOT NULL,
      file TEXT NOT NULL,
      revision BIGINT NOT NULL,
      activated_by TEXT NOT NULL,
      activated_ms BIGINT NOT NULL,
      PRIMARY KEY (tenant_id, file)))",

    // tenant_id NULL: every tenant.
    R"(CREATE TABLE admin_token (
      id TEXT PRIMARY KEY,
      tenant_id TEXT REFERENCES tenant(id),
      name TEXT NOT NULL,
      role TEXT NOT NULL,                    -- admin, reviewer, auditor, read-only
      prefix TEXT NOT NULL,
      mac BYTEA NOT NULL UNIQUE,
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT,
      revoked_ms BIGINT))",

    // R43, R49, R50. `digest` is what a retry must match; one open review per tenant and digest.
    R"(CREATE TABLE review (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      integration_id TEXT NOT NULL,          -- '': a root route
      caller TEXT NOT NULL,                  -- the key's id or hashed user id
      agent TEXT NOT NULL,
      route TEXT NOT NULL,
      model TEXT NOT NULL,
      phase TEXT NOT NULL,                   -- input, output
      status TEXT NOT NULL,                  -- PENDING APPROVED REJECTED EXPIRED CONSUMED WITHDRAWN
      digest TEXT NOT NULL,
      revision TEXT NOT NULL,                -- of the policies
      run_id TEXT NOT NULL,
      attached BIGINT NOT NULL,              -- identical repeats while it was pending
      violations TEXT NOT NULL,              -- JSON, as records have them
      callbacks TEXT NOT NULL,               -- URLs that are told the outcome, one per line (R53)
      preview BYTEA,                         -- texts, by the tenant's content level
      preview_sealed BIGINT NOT NULL,        -- 0: the preview is plain JSON
      answer BYTEA,                          -- sealed: the answer an approved retry receives (X3)
      answer_head TEXT NOT NULL,             -- its status, content type and whether it was streamed
      created_ms BIGINT NOT NULL,
      expires_ms BIGINT NOT NULL,
      decided_ms BIGINT,
      decided_by TEXT,
      note TEXT,
      consumed_ms BIGINT,
      consumed_run_id TEXT))",
    R"(CREATE INDEX review_by_digest ON review (digest, status))",
    R"(CREATE INDEX review_by_time ON review (tenant_id, created_ms))",
    R"(CREATE INDEX review_by_status ON review (status, tenant_id))",
    R"(CREATE UNIQUE INDEX review_open ON review (digest, revision, phase)
       WHERE status IN ('PENDING', 'APPROVED'))",

    // Deliveries of webhooks that wait (R44, R53).
    R"(CREATE TABLE outbox (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      url TEXT NOT NULL,
      event TEXT NOT NULL,                   -- review.created, review.decided, violation.created
      body TEXT NOT NULL,
      attempts BIGINT NOT NULL,
      next_ms BIGINT NOT NULL,
      created_ms BIGINT NOT NULL,
      delivered_ms BIGINT,
      last_error TEXT))",
    R"(CREATE INDEX outbox_by_next ON outbox (delivered_ms, next_ms))",

    // The audit (promises 3-5). Each gateway writes segments of its own: a chain of records, whose
    // first one carries on from the last digest of the segment before.
    R"(CREATE TABLE audit_segment (
      id TEXT PRIMARY KEY,                   -- sorts by begin
      gateway TEXT NOT NULL,                 -- the data directory's or the host's own name
      previous TEXT NOT NULL,                -- the segment before, '' for a gateway's first
      first_digest BYTEA NOT NULL,           -- what the first record carries on from
      records BIGINT NOT NULL,
      bytes BIGINT NOT NULL,
      last_digest BYTEA NOT NULL,
      begun_ms BIGINT NOT NULL,
      closed_ms BIGINT,
      retired_ms BIGINT,                     -- its records were removed by retention
      content_bytes BIGINT NOT NULL,         -- kept beside its records
      UNIQUE (gateway, previous)))",  // a chain does not fork
    R"(CREATE TABLE audit_record (
      segment TEXT NOT NULL,
      seq BIGINT NOT NULL,                   -- 1, 2, ... in its segment
      kind TEXT NOT NULL,                    -- exchange, opening (before its end is known), admin
      time_ms BIGINT NOT NULL,
      run_id TEXT NOT NULL,
      tenant_id TEXT NOT NULL,
      line TEXT NOT NULL,                    -- the record, JSON
      digest BYTEA NOT NULL,                 -- over the previous digest and every column before
      PRIMARY KEY (segment, seq)))",

    // R51. What was found is kept for ever; where it is in its life may change.
    R"(CREATE TABLE violation (
      id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      integration_id TEXT NOT NULL,
      run_id TEXT NOT NULL,
      review_id TEXT NOT NULL,
      policy TEXT NOT NULL,
      rule TEXT NOT NULL,
      rule_name TEXT NOT NULL,
      type TEXT NOT NULL,
      severity TEXT NOT NULL,
      message TEXT NOT NULL,
      enforcement TEXT NOT NULL,             -- BLOCK APPROVAL_REQUIRED WARN MONITOR_ONLY
      phase TEXT NOT NULL,                   -- input, output
      field TEXT NOT NULL,
      time_ms BIGINT NOT NULL,
      status TEXT NOT NULL,                  -- NEW ACKNOWLEDGED RESOLVED DISMISSED
      resolution TEXT NOT NULL,              -- of RESOLVED: its type
      note TEXT NOT NULL,
      changed_by TEXT NOT NULL,
      changed_ms BIGINT,
      told_ms BIGINT))",  // when its webhooks were queued; NULL: not yet
    R"(CREATE INDEX violation_by_time ON violation (tenant_id, time_ms))",
    R"(CREATE INDEX violation_by_run ON violation (run_id))",
    R"(CREATE INDEX violation_untold ON violation (time_ms) WHERE told_ms IS NULL)",

    // What the tenant's content level keeps of an exchange; sealed when there is a master key.
    R"(CREATE TABLE audit_content (
      run_id TEXT PRIMARY KEY,
      tenant_id TEXT NOT NULL,
      level TEXT NOT NULL,
      time_ms BIGINT NOT NULL,
      body BYTEA NOT NULL,
      key_id TEXT NOT NULL))",  // '': not sealed
    R"(CREATE INDEX audit_content_by_time ON audit_content (time_ms))",

    R"(CREATE TABLE usage_day (
      day BIGINT NOT NULL,                   -- days since 1970, UTC
      tenant_id TEXT NOT NULL,
      integration_id TEXT NOT NULL,
      caller TEXT NOT NULL,
      model TEXT NOT NULL,
      requests BIGINT NOT NULL,
      evaluations BIGINT NOT NULL,
      blocked BIGINT NOT NULL,
      held BIGINT NOT NULL,
      input_tokens BIGINT NOT NULL,
      output_tokens BIGINT NOT NULL,
      cost_nanousd BIGINT NOT NULL,
      PRIMARY KEY (day, tenant_id, integration_id, caller, model)))",

    // Counters of windows of an hour and more, so that a restart gives nobody a new budget.
    R"(CREATE TABLE counter (
      gateway TEXT NOT NULL,
      name BYTEA NOT NULL,                   -- has names in it that callers choose
      state BYTEA NOT NULL,
      until_ms BIGINT NOT NULL,              -- nothing is left in the window then
      PRIMARY KEY (gateway, name)))",
    R"(CREATE TABLE tool_pin (
      principal BYTEA NOT NULL,
      tool BYTEA NOT NULL,                   -- as the client spelled it
      digest TEXT NOT NULL,
      seen_ms BIGINT NOT NULL,
      PRIMARY KEY (principal, tool)))",
};

// T38: records are added, and removed with a segment that retention has retired; nothing else.
constexpr const char* kFirstSqlite[] = {
    R"(CREATE TRIGGER audit_record_fixed BEFORE UPDATE ON audit_record
      BEGIN SELECT RAISE(ABORT, 'audit records cannot be changed'); END)",
    R"(CREATE TRIGGER audit_record_kept BEFORE DELETE ON audit_record
      WHEN NOT EXISTS (SELECT 1 FROM audit_segment s
                       WHERE s.id = OLD.segment AND s.retired_ms IS NOT NULL)
      BEGIN SELECT RAISE(ABORT, 'audit records cannot be removed'); END)",
};
constexpr const char* kFirstPostgres[] = {
    R"(CREATE FUNCTION audit_record_guard() RETURNS trigger LANGUAGE plpgsql AS $body$
      BEGIN
        IF TG_OP = 'UPDATE' THEN RAISE EXCEPTION 'audit records cannot be changed'; END IF;
        IF NOT EXISTS (SELECT 1 FROM audit_segment s
                       WHERE s.id = OLD.segment AND s.retired_ms IS NOT NULL) THEN
          RAISE EXCEPTION 'audit records cannot be removed';
        END IF;
        RETURN OLD;
      END $body$)",
    R"(CREATE TRIGGER audit_record_guarded BEFORE UPDATE OR DELETE ON audit_record
      FOR EACH ROW EXECUTE FUNCTION audit_record_guard())",
};

// A record is found by one number instead of by two columns: an index less to write.
//   place = its segment's number * 2^32 + seq
constexpr const char* kSecond[] = {
    "ALTER TABLE audit_segment ADD COLUMN number BIGINT NOT NULL DEFAULT 0",
    R"(UPDATE audit_segment SET number =
      (SELECT count(*) FROM audit_segment o WHERE o.id <= audit_segment.id))",
    "CREATE UNIQUE INDEX audit_segment_by_number ON audit_segment (number)",
    "ALTER TABLE audit_record RENAME TO audit_record_before",
};
// SQLite has no index for a key of exactly this type: it is the table's own order.
constexpr const char* kSecondSqlite[] = {
    R"(CREATE TABLE audit_record (
      place INTEGER PRIMARY KEY,
      segment TEXT NOT NULL,
      seq BIGINT NOT NULL,                   -- 1, 2, ... in its segment
      kind TEXT NOT NULL,                    -- exchange, opening (before its end is known), admin
      time_ms BIGINT NOT NULL,
      run_id TEXT NOT NULL,
      tenant_id TEXT NOT NULL,
      line TEXT NOT NULL,                    -- the record, JSON
      digest BYTEA NOT NULL))",  // over the previous digest and every column from `segment` on
};
constexpr const char* kSecondPostgres[] = {
    R"(CREATE TABLE audit_record (
      place BIGINT PRIMARY KEY,
      segment TEXT NOT NULL,
      seq BIGINT NOT NULL,
      kind TEXT NOT NULL,
      time_ms BIGINT NOT NULL,
      run_id TEXT NOT NULL,
      tenant_id TEXT NOT NULL,
      line TEXT NOT NULL,
      digest BYTEA NOT NULL))",
};
constexpr const char* kThird[] = {"DROP TABLE audit_record_before"};
// They went with the table.
constexpr std::span<const char* const> kThirdSqlite = kFirstSqlite;
constexpr std::span<const char* const> kThirdPostgres = std::span(kFirstPostgres).subspan(1);

// In pieces that a server's statement_ms has time for. A record of no segment, which only tampering
// makes, stays behind.
Status give_records_their_places(Connection& connection) {
  struct Segment {
    std::string id;
    std::int64_t number = 0, last = 0;
  };
  constexpr std::int64_t kRowsPerStatement = 2'000;
  std::vector<Segment> segments;
  auto done = connection.run(
      "SELECT s.id, s.number, (SELECT MAX(r.seq) FROM audit_record_before r WHERE r.segment = s.id)"
      " FROM audit_segment s ORDER BY s.number",
      {}, [&](const Row& row) {
        segments.push_back({std::string(row.text(0)), row.number(1), row.number(2)});
      });
  for (const Segment& segment : segments) {
    for (std::int64_t seq = 0; done && seq < segment.last; seq += kRowsPerStatement) {
      done = connection.run(
          "INSERT INTO audit_record SELECT $1 * 4294967296 + seq, segment, seq, kind, time_ms,"
          " run_id, tenant_id, line, digest FROM audit_record_before"
          " WHERE segment = $2 AND seq > $3 AND seq <= $4",
          {segment.number, std::string_view(segment.id), seq, seq + kRowsPerStatement});
    }
  }
  if (!done) return std::unexpected(std::move(done.error()));
  return {};
}

struct Step {
  std::span<const char* const> both, sqlite, postgres;
  Status (*work)(Connection&) = nullptr;  // after them
};
// The version after a step is its place, counted from 1.
constexpr Step kSteps[] = {
    {kFirst, kFirstSqlite, kFirstPostgres},
    {kSecond, kSecondSqlite, kSecondPostgres, give_records_their_places},
    {kThird, kThirdSqlite, kThirdPostgres},
};

constexpr int kTries = 20;  // each waits Target::busy_ms for another gateway that migrates

Status run_all(Connection& connection, std::span<const char* const> statements) {
  for (const char* statement : statements) {
    if (auto done = connection.run(statement); !done) {
      return std::unexpected(std::move(done.error()));
    }
  }
  return {};
}

Status apply(Connection& connection, std::uint32_t from, std::uint32_t to) {
  for (std::uint32_t version = from; version < to; ++version) {
    const Step& step = kSteps[version];
    if (Status done = run_all(connection, step.both); !done) return done;
    const auto& own = connection.kind() == Kind::Sqlite ? step.sqlite : step.postgres;
    if (Status done = run_all(connection, own); !done) return done;
    if (step.work == nullptr) continue;
    if (Status done = step.work(connection); !done) return done;
  }
  const std::string now = std::to_string(to);
  auto noted = connection.run(
      "INSERT INTO meta (name, value) VALUES ('schema_version', $1)"
      " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
      {std::string_view(now)});
  if (!noted) return std::unexpected(std::move(noted.error()));
  return {};
}

Status migrate_once(Connection& connection, std::uint32_t to) {
  return in_transaction(connection, [&]() -> Status {
    if (Status alone = take_lock(connection, "capsem schema"); !alone) return alone;
    const auto version = version_of(connection);
    if (!version) return std::unexpected(version.error());
    return *version < to ? apply(connection, *version, to) : Status{};
  });
}

}  // namespace

std::uint32_t schema_version() {
  return static_cast<std::uint32_t>(std::size(kSteps));
}

Result<std::uint32_t> version_of(Connection& connection) {
  bool known = false;
  const OnRow look = [&](const Row& row) { known = row.number(0) != 0; };
  // PostgreSQL's to_regclass() may answer from before the lock that migrate() waited for.
  auto found =
      connection.kind() == Kind::Sqlite
          ? connection.run("SELECT count(*) FROM sqlite_master WHERE name = 'meta'", {}, look)
          : connection.run(
                "SELECT count(*) FROM pg_catalog.pg_tables"
                " WHERE schemaname = current_schema() AND tablename = 'meta'",
                {}, look);
  if (!found) return std::unexpected(std::move(found.error()));
  if (!known) return 0;

  std::string text;
  found = connection.run("SELECT value FROM meta WHERE name = 'schema_version'", {},
                         [&](const Row& row) { text = row.text(0); });
  if (!found) return std::unexpected(std::move(found.error()));
  std::uint32_t version = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), version);
  if (text.empty() || read.ptr != text.data() + text.size() || version == 0) {
    return gateway_error("store_invalid", "the database belongs to another program");
  }
  return version;
}

Status migrate(Connection& connection) {
  return migrate_to(connection, schema_version());
}

Status migrate_to(Connection& connection, std::uint32_t to) {
  for (int tries = 1;; ++tries) {
    // Mostly there is nothing to do, and then no lock is taken either.
    const auto version = version_of(connection);
    if (!version) return std::unexpected(version.error());
    if (*version == to) return {};
    if (*version > to) {
      return gateway_error("store_invalid",
                           "the database has schema version " + std::to_string(*version) +
                               "; this program knows up to " + std::to_string(schema_version()));
    }
    Status done = migrate_once(connection, to);
    if (done || done.error().code != "store_busy" || tries == kTries) return done;
  }
}

}  // namespace capsem::sql
