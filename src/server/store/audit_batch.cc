#include "server/store/audit_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "core/audit/json_line.h"
#include "server/store/meta.h"

namespace capsem::store {
namespace {

using sql::Blob;
using sql::Value;

// Of one transaction: what a stalled disk or server has to take at once.
constexpr std::size_t kBatchRecordsMax = 4'096;
constexpr std::int64_t kBatchBytesMax = 8 << 20;

constexpr std::string_view kInsertRecord =
    "INSERT INTO audit_record (place, segment, seq, kind, time_ms, run_id, tenant_id, line, "
    "digest) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
constexpr std::size_t kRowsPerInsert = 16;
constexpr std::string_view kInsertSixteen = R"(
  INSERT INTO audit_record (place, segment, seq, kind, time_ms, run_id, tenant_id, line, digest)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9),
         ($10, $11, $12, $13, $14, $15, $16, $17, $18),
         ($19, $20, $21, $22, $23, $24, $25, $26, $27),
         ($28, $29, $30, $31, $32, $33, $34, $35, $36),
         ($37, $38, $39, $40, $41, $42, $43, $44, $45),
         ($46, $47, $48, $49, $50, $51, $52, $53, $54),
         ($55, $56, $57, $58, $59, $60, $61, $62, $63),
         ($64, $65, $66, $67, $68, $69, $70, $71, $72),
         ($73, $74, $75, $76, $77, $78, $79, $80, $81),
         ($82, $83, $84, $85, $86, $87, $88, $89, $90),
         ($91, $92, $93, $94, $95, $96, $97, $98, $99),
         ($100, $101, $102, $103, $104, $105, $106, $107, $108),
         ($109, $110, $111, $112, $113, $114, $115, $116, $117),
         ($118, $119, $120, $121, $122, $123, $124, $125, $126),
         ($127, $128, $129, $130, $131, $132, $133, $134, $135),
         ($136, $137, $138, $139, $140, $141, $142, $143, $144))";
constexpr std::string_view kInsertRecords =
    "INSERT INTO audit_record (place, segment, seq, kind, time_ms, run_id, tenant_id, line, "
    "digest) SELECT $1::bigint + seq, $2::text, seq, kind, time_ms, run_id, tenant_id, line, "
    "decode(digest, 'hex') FROM json_to_recordset($3::json) AS r(seq bigint, kind text, "
    "time_ms bigint, run_id text, tenant_id text, line text, digest text)";

std::string_view level_word(audit::ContentLevel level) {
  switch (level) {
    case audit::ContentLevel::None:
      return "none";
    case audit::ContentLevel::Hash:
      return "hash";
    case audit::ContentLevel::Redacted:
      return "redacted";
    case audit::ContentLevel::Full:
      return "full";
  }
  return "none";
}

std::int64_t bytes_of_line(const AuditEntry& entry) {
  return static_cast<std::int64_t>(entry.line().size());
}

Status outcome(const Result<std::uint64_t>& done) {
  if (!done) return std::unexpected(done.error());
  return {};
}

std::unexpected<Error> moved() {
  return gateway_error("chain_moved", "Another gateway writes to the same chain of the audit");
}

// One row has to be there as we left it.
Status expect_one(Result<std::uint64_t> done) {
  if (!done) return std::unexpected(std::move(done.error()));
  if (*done != 1) return moved();
  return {};
}

// Rows that are ours alone and are there already: somebody else was faster.
Status unless_moved(Status done) {
  if (!done && done.error().code == "store_conflict") return moved();
  return done;
}

}  // namespace

Result<std::string> chain_name(sql::Connection& connection, std::string_view wanted) {
  if (!wanted.empty()) return std::string(wanted);
  const std::string fresh = "gateway-" + new_id().substr(0, 8);
  const auto made = connection.run(
      "INSERT INTO meta (name, value) VALUES ('audit_gateway', $1) ON CONFLICT (name) DO NOTHING",
      {std::string_view(fresh)});
  if (!made) return std::unexpected(made.error());
  const auto kept = read_meta(connection, "audit_gateway");
  if (!kept) return std::unexpected(kept.error());
  return kept->value_or(fresh);
}

Result<ChainHead> read_head(sql::Connection& connection, const std::string& gateway, bool locks) {
  ChainHead head{.gateway = gateway};
  const auto read = [&](const sql::Row& row) {
    head.segment = row.text(0);
    head.number = row.number(1);
    head.records = row.number(2);
    head.bytes = row.number(3);
    head.content_bytes = row.number(4);
    head.begun_ms = row.number(5);
    head.digest = digest_from(row.blob(6));
  };
  const std::string_view name = gateway;
  const auto done =
      locks && connection.kind() == sql::Kind::Postgres
          ? connection.run(
                "SELECT id, number, records, bytes, content_bytes, begun_ms, last_digest "
                "FROM audit_segment WHERE gateway = $1 AND closed_ms IS NULL "
                "ORDER BY id DESC LIMIT 1 FOR UPDATE",
                {name}, read)
          : connection.run(
                "SELECT id, number, records, bytes, content_bytes, begun_ms, last_digest "
                "FROM audit_segment WHERE gateway = $1 AND closed_ms IS NULL "
                "ORDER BY id DESC LIMIT 1",
                {name}, read);
  if (!done) return std::unexpected(done.error());
  return head;
}

Result<bool> was_written(sql::Connection& connection, const InDoubt& last) {
  bool same = false;
  const auto read = connection.run(
      "SELECT r.digest FROM audit_segment s JOIN audit_record r "
      "ON r.place = s.number * $1 + $2 WHERE s.id = $3",
      {kPlacesPerSegment, last.seq, std::string_view(last.segment)},
      [&](const sql::Row& row) { same = digest_from(row.blob(0)) == last.digest; });
  if (!read) return std::unexpected(read.error());
  return same;
}

std::size_t AuditBatch::fit(const ChainHead& head, std::span<const AuditEntry> entries,
                            const SegmentLimits& limits) {
  const bool fresh = head.full(limits);
  const std::int64_t records = limits.records_max - (fresh ? 0 : head.records);
  const std::int64_t bytes = std::min(kBatchBytesMax, limits.bytes_max - (fresh ? 0 : head.bytes));
  const std::size_t most = std::min({entries.size(), kBatchRecordsMax,
                                     static_cast<std::size_t>(std::max<std::int64_t>(records, 1))});
  std::int64_t taken = 0;
  std::size_t count = 0;
  while (count < most && (count == 0 || taken + bytes_of_line(entries[count]) <= bytes)) {
    taken += bytes_of_line(entries[count++]);
  }
  return count;
}

ChainHead AuditBatch::next_segment(const ChainHead& head, std::int64_t wall_ms) {
  // Ids sort by begin, also when the clock was set back or a segment took less than a millisecond.
  const std::int64_t begun_ms = std::max(wall_ms, head.begun_ms + 1);
  ChainHead next{.gateway = head.gateway,
                 .segment = fmt::format("{:012x}-{}", begun_ms, new_id().substr(0, 8)),
                 .begun_ms = begun_ms};
  next.digest = digester_.segment(head.digest, {.id = next.segment,
                                                .gateway = next.gateway,
                                                .previous = head.segment,
                                                .begun_ms = begun_ms});
  return next;
}

Status AuditBatch::write(sql::Connection& connection, ChainHead& head,
                         std::span<const AuditEntry> entries, const SegmentLimits& limits,
                         std::int64_t wall_ms, const std::function<Status()>& also) {
  ChainHead after = head.full(limits) ? next_segment(head, wall_ms) : head;
  const std::int64_t first_seq = after.records + 1;
  digests_.clear();
  usage_.clear();
  for (const AuditEntry& entry : entries) {
    after.digest = digester_.record(after.digest, {.segment = after.segment,
                                                   .seq = ++after.records,
                                                   .kind = to_string(entry.kind),
                                                   .time_ms = entry.time_ms,
                                                   .run_id = entry.run_id(),
                                                   .tenant = entry.tenant(),
                                                   .line = entry.line()});
    digests_.push_back(after.digest);
    after.bytes += bytes_of_line(entry);
    if (entry.extra) after.content_bytes += static_cast<std::int64_t>(entry.extra->body.size());
    usage_.add(entry);
  }
  last_ = {.segment = after.segment, .seq = after.records, .digest = after.digest};
  const Status done = sql::in_transaction(connection, [&]() -> Status {
    // The segment first: whoever else is about to write to this chain waits here.
    if (Status ok = write_segment(connection, head, after); !ok) return ok;
    if (Status ok = write_records(connection, after, entries, first_seq); !ok) return ok;
    for (const AuditEntry& entry : entries) {
      if (!entry.extra) continue;
      if (Status ok = write_extra(connection, entry); !ok) return ok;
    }
    if (Status ok = usage_.write(connection); !ok) return ok;
    return also ? also() : Status{};
  });
  if (done) head = std::move(after);
  return done;
}

Status AuditBatch::write_segment(sql::Connection& connection, const ChainHead& before,
                                 ChainHead& after) {
  if (before.segment == after.segment) {
    return expect_one(connection.run(
        "UPDATE audit_segment SET records = $1, bytes = $2, content_bytes = $3, last_digest = $4 "
        "WHERE id = $5 AND last_digest = $6 AND closed_ms IS NULL",
        {after.records, after.bytes, after.content_bytes, Blob{bytes_of(after.digest)},
         std::string_view(after.segment), Blob{bytes_of(before.digest)}}));
  }
  if (!before.segment.empty()) {
    const Status closed = expect_one(connection.run(
        "UPDATE audit_segment SET closed_ms = $1 "
        "WHERE id = $2 AND last_digest = $3 AND closed_ms IS NULL",
        {after.begun_ms, std::string_view(before.segment), Blob{bytes_of(before.digest)}}));
    if (!closed) return closed;
  }
  const Digest first = digester_.segment(before.digest, {.id = after.segment,
                                                         .gateway = after.gateway,
                                                         .previous = before.segment,
                                                         .begun_ms = after.begun_ms});
  return unless_moved(outcome(connection.run(
      "INSERT INTO audit_segment (id, gateway, previous, first_digest, records, bytes, "
      "content_bytes, last_digest, begun_ms, number) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
      "(SELECT COALESCE(MAX(number), 0) + 1 FROM audit_segment)) RETURNING number",
      {std::string_view(after.segment), std::string_view(after.gateway),
       std::string_view(before.segment), Blob{bytes_of(first)}, after.records, after.bytes,
       after.content_bytes, Blob{bytes_of(after.digest)}, after.begun_ms},
      [&after](const sql::Row& row) { after.number = row.number(0); })));
}

// SQLite is in this process: a few rows at a time. A server is a round trip away: all rows at once.
Status AuditBatch::write_records(sql::Connection& connection, const ChainHead& after,
                                 std::span<const AuditEntry> entries, std::int64_t first_seq) {
  if (connection.kind() == sql::Kind::Postgres) {
    return write_records_at_once(connection, after, entries, first_seq);
  }
  for (std::size_t at = 0; at < entries.size();) {
    const std::size_t rows = entries.size() - at < kRowsPerInsert ? 1 : kRowsPerInsert;
    row_values_.clear();
    for (const std::size_t end = at + rows; at < end; ++at) {
      const AuditEntry& entry = entries[at];
      const std::int64_t seq = first_seq + static_cast<std::int64_t>(at);
      row_values_.insert(row_values_.end(),
                         {place_of(after.number, seq), std::string_view(after.segment), seq,
                          to_string(entry.kind), entry.time_ms, entry.run_id(), entry.tenant(),
                          entry.line(), Blob{bytes_of(digests_[at])}});
    }
    const auto done = rows == 1 ? connection.run(kInsertRecord, row_values_, {})
                                : connection.run(kInsertSixteen, row_values_, {});
    if (Status ok = unless_moved(outcome(done)); !ok) return ok;
  }
  return {};
}

Status AuditBatch::write_records_at_once(sql::Connection& connection, const ChainHead& after,
                                         std::span<const AuditEntry> entries,
                                         std::int64_t first_seq) {
  audit::JsonLine json(std::numeric_limits<std::size_t>::max());
  json.open_array();
  for (std::size_t i = 0; i < entries.size(); ++i) {
    json.open_object();
    json.number("seq", first_seq + static_cast<std::int64_t>(i));
    json.text("kind", to_string(entries[i].kind));
    json.number("time_ms", entries[i].time_ms);
    json.text("run_id", entries[i].run_id());
    json.text("tenant_id", entries[i].tenant());
    json.text("line", entries[i].line());
    json.text("digest", to_hex(bytes_of(digests_[i])));
    json.close_object();
  }
  json.close_array();
  const std::string rows = json.take();
  return unless_moved(outcome(connection.run(
      kInsertRecords,
      {place_of(after.number, 0), std::string_view(after.segment), std::string_view(rows)})));
}

Status AuditBatch::write_extra(sql::Connection& connection, const AuditEntry& entry) {
  const AuditExtra& extra = *entry.extra;
  for (const ViolationRow& row : extra.violations) {
    const std::string id = new_id();
    const Value values[] = {std::string_view(id),
                            entry.tenant(),
                            entry.integration(),
                            entry.run_id(),
                            std::string_view(extra.review_id),
                            std::string_view(row.policy),
                            std::string_view(row.rule),
                            std::string_view(row.type),
                            std::string_view(row.severity),
                            std::string_view(row.message),
                            row.enforcement,
                            row.phase,
                            std::string_view(row.field),
                            entry.time_ms};
    const auto written = connection.run(
        "INSERT INTO violation (id, tenant_id, integration_id, run_id, review_id, policy, rule, "
        "rule_name, type, severity, message, enforcement, phase, field, time_ms, status, "
        "resolution, note, changed_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10, $11, "
        "$12, $13, $14, 'NEW', '', '', '')",
        values, {});
    if (!written) return std::unexpected(written.error());
  }
  if (extra.body.empty() || entry.run_id().empty()) return {};
  return outcome(
      connection.run("INSERT INTO audit_content (run_id, tenant_id, level, time_ms, body, key_id) "
                     "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (run_id) DO NOTHING",
                     {entry.run_id(), entry.tenant(), level_word(extra.level), entry.time_ms,
                      Blob{extra.body}, std::string_view(extra.key_id)}));
}

}  // namespace capsem::store
