#include "server/store/audit_verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "core/wire/json.h"
#include "server/store/audit_chain.h"

namespace capsem::store {
namespace {

constexpr std::uint64_t kProgressRecords = 10'000;

struct Segment {
  std::string id{}, gateway{}, previous{};
  Digest first_digest{}, last_digest{};
  std::int64_t records = 0, bytes = 0, begun_ms = 0, closed_ms = 0, retired_ms = 0;
  bool closed = false, retired = false;
};

// What a record of the chain says of a segment that retention has removed.
struct Retirement {
  std::int64_t records = 0;
  std::string last_digest;
};

class Verification {
 public:
  Verification(sql::Connection& connection, const AuditVerifyOptions& options)
      : connection_(connection), options_(options) {}

  Result<AuditReport> run() {
    if (Status read = read_segments(); !read) return std::unexpected(read.error());
    report_.anchor_found = options_.anchor.empty();
    for (auto& [gateway, chain] : chains_) {
      if (Status done = walk(chain); !done) return std::unexpected(done.error());
    }
    check_retirements();
    if (Status done = look_for_strays(); !done) return std::unexpected(done.error());
    return std::move(report_);
  }

 private:
  using Chain = std::vector<Segment>;

  Status read_segments() {
    const auto read = connection_.run(
        "SELECT id, gateway, previous, first_digest, last_digest, records, bytes, begun_ms, "
        "closed_ms, retired_ms FROM audit_segment ORDER BY id",
        {}, [this](const sql::Row& row) {
          Segment segment{.id = std::string(row.text(0)),
                          .gateway = std::string(row.text(1)),
                          .previous = std::string(row.text(2)),
                          .first_digest = digest_from(row.blob(3)),
                          .last_digest = digest_from(row.blob(4)),
                          .records = row.number(5),
                          .bytes = row.number(6),
                          .begun_ms = row.number(7),
                          .closed_ms = row.number(8),
                          .retired_ms = row.number(9),
                          .closed = !row.is_null(8),
                          .retired = !row.is_null(9)};
          chains_[segment.gateway].push_back(std::move(segment));
        });
    if (!read) return std::unexpected(read.error());
    return {};
  }

  void fault(const Segment& segment, std::int64_t seq, std::string what) {
    report_.faults.push_back(
        {.gateway = segment.gateway, .segment = segment.id, .seq = seq, .what = std::move(what)});
  }

  void look_for_anchor(const Digest& digest) {
    if (!report_.anchor_found) report_.anchor_found = to_hex(bytes_of(digest)) == options_.anchor;
  }

  Status walk(Chain& chain) {
    const std::size_t faults = report_.faults.size();
    const Segment* before = nullptr;
    for (Segment& segment : chain) {
      ++report_.segments;
      if (!links(segment, before, &segment == &chain.back())) break;
      if (Status done = walk_records(segment); !done) return done;
      if (report_.faults.size() != faults) break;
      before = &segment;
    }
    const Segment& newest = chain.back();
    report_.heads.push_back({.gateway = newest.gateway,
                             .segment = newest.id,
                             .records = newest.records,
                             .digest = to_hex(bytes_of(newest.last_digest))});
    return {};
  }

  bool links(const Segment& segment, const Segment* before, bool newest) {
    const std::size_t faults = report_.faults.size();
    const std::string expected = before == nullptr ? std::string() : before->id;
    const Digest carried = before == nullptr ? Digest{} : before->last_digest;
    const Digest first = digester_.segment(carried, {.id = segment.id,
                                                     .gateway = segment.gateway,
                                                     .previous = segment.previous,
                                                     .begun_ms = segment.begun_ms});
    if (segment.previous != expected) {
      fault(segment, 0, "the segment before it is missing, or was put in");
    } else if (first != segment.first_digest) {
      fault(segment, 0, "the segment, or the end of the one before it, was changed");
    } else if (before != nullptr && before->closed_ms != segment.begun_ms) {
      fault(*before, 0, "its end was changed");
    } else if (segment.closed == newest) {
      fault(segment, 0, newest ? "the segments after it are missing" : "its end was removed");
    } else if (segment.retired && (!segment.closed || segment.retired_ms < segment.closed_ms)) {
      fault(segment, 0, "it was marked as retired before it was closed");
    } else if (before != nullptr && segment.retired && !before->retired) {
      fault(segment, 0, "it is retired, and the one before it is not");
    }
    return report_.faults.size() == faults;
  }

  // One statement: the segment's counters and its records are of the same instant.
  Status walk_records(Segment& segment) {
    Digest digest = segment.first_digest;
    std::int64_t seq = 0, bytes = 0;
    bool sound = true, first = true;
    const auto check = [&](const sql::Row& row) {
      if (std::exchange(first, false)) {
        segment.records = row.number(9);
        segment.bytes = row.number(10);
        segment.last_digest = digest_from(row.blob(11));
        segment.retired = segment.retired || !row.is_null(12);
      }
      if (segment.retired || row.is_null(0) || !sound) return;
      ++seq;
      sound = check_record(segment, seq, row, digest);
      bytes += static_cast<std::int64_t>(row.text(5).size());
    };
    const auto read = connection_.run(
        "SELECT r.seq, r.kind, r.time_ms, r.run_id, r.tenant_id, r.line, r.digest, r.segment, "
        "r.place - s.number * $2, s.records, s.bytes, s.last_digest, s.retired_ms "
        "FROM audit_segment s LEFT JOIN audit_record r "
        "ON r.place > s.number * $2 AND r.place < (s.number + 1) * $2 "
        "WHERE s.id = $1 ORDER BY r.place",
        {std::string_view(segment.id), kPlacesPerSegment}, check);
    if (!read) return std::unexpected(read.error());
    if (segment.retired) {
      ++report_.retired_segments;
      look_for_anchor(segment.last_digest);
      return {};
    }
    oldest_live_ms_ = std::min(oldest_live_ms_, segment.begun_ms);
    if (!sound) return {};
    if (seq < segment.records) {
      fault(segment, seq + 1,
            fmt::format("records from {} to {} are missing", seq + 1, segment.records));
    } else if (seq > segment.records) {
      fault(segment, segment.records + 1, "records were put in, or its counters were changed");
    } else if (digest != segment.last_digest) {
      fault(segment, 0, "its last digest was changed");
    } else if (bytes != segment.bytes) {
      fault(segment, 0, "its counters were changed");
    }
    return {};
  }

  bool check_record(const Segment& segment, std::int64_t seq, const sql::Row& row, Digest& digest) {
    if (row.number(0) != seq) {
      fault(segment, seq, row.number(0) > seq ? "the record is missing" : "a record was put in");
      return false;
    }
    digest = digester_.record(digest, {.segment = segment.id,
                                       .seq = seq,
                                       .kind = row.text(1),
                                       .time_ms = row.number(2),
                                       .run_id = row.text(3),
                                       .tenant = row.text(4),
                                       .line = row.text(5)});
    if (bytes_of(digest) != row.blob(6) || row.text(7) != segment.id || row.number(8) != seq) {
      fault(segment, seq, "the record was changed");
      return false;
    }
    look_for_anchor(digest);
    if (row.text(1) == "admin") remember_retirement(row.text(5));
    if (++report_.records % kProgressRecords == 0 && options_.progress) {
      options_.progress(report_.records);
    }
    return true;
  }

  void remember_retirement(std::string_view line) {
    if (line.find("\"event\":\"segment_retired\"") == std::string_view::npos) return;
    padded_.assign(line);
    padded_.append(wire::JsonReader::kPadding, '\0');
    if (!json_.parse(std::string_view(padded_).substr(0, line.size()))) return;
    const auto text = [this](std::string_view name) {
      const wire::JsonNode* node = json_.find(0, name);
      return node == nullptr ? std::string() : std::string(node->text);
    };
    if (text("event") != "segment_retired") return;
    retirements_[text("segment")] = {.records = std::atoll(text("records").c_str()),
                                     .last_digest = text("last_digest")};
  }

  // Retention tells of what it removes. Its record may have been removed itself, with a segment of
  // its time; the newest segment that is gone went after every segment that is still there began.
  void check_retirements() {
    for (const auto& [gateway, chain] : chains_) {
      for (const Segment& segment : chain) {
        if (!segment.retired || segment.retired_ms < oldest_live_ms_) continue;
        const auto told = retirements_.find(segment.id);
        if (told == retirements_.end()) {
          fault(segment, 0, "it was removed, and no record says that retention did it");
        } else if (told->second.records != segment.records ||
                   told->second.last_digest != to_hex(bytes_of(segment.last_digest))) {
          fault(segment, 0, "it is not what retention says that it removed");
        } else {
          continue;
        }
        break;
      }
    }
  }

  Status look_for_strays() {
    const auto read = connection_.run(
        "SELECT r.segment, r.seq FROM audit_record r WHERE NOT EXISTS "
        "(SELECT 1 FROM audit_segment s WHERE s.id = r.segment AND s.number = r.place / $1) "
        "LIMIT 1",
        {kPlacesPerSegment}, [this](const sql::Row& row) {
          report_.faults.push_back({.gateway = {},
                                    .segment = std::string(row.text(0)),
                                    .seq = row.number(1),
                                    .what = "the record belongs to no segment"});
        });
    if (!read) return std::unexpected(read.error());
    return {};
  }

  sql::Connection& connection_;
  const AuditVerifyOptions& options_;
  ChainDigester digester_;
  wire::JsonReader json_;
  std::string padded_;
  std::map<std::string, Chain> chains_;
  std::map<std::string, Retirement> retirements_;
  std::int64_t oldest_live_ms_ = std::numeric_limits<std::int64_t>::max();
  AuditReport report_;
};

}  // namespace

Result<AuditReport> verify_audit(sql::Connection& connection, const AuditVerifyOptions& options) {
  AuditVerifyOptions lower = options;
  for (char& c : lower.anchor) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool digits = lower.anchor.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!lower.anchor.empty() && (lower.anchor.size() != 64 || !digits)) {
    return client_error("invalid_anchor", "A head is 64 hexadecimal digits");
  }
  return Verification(connection, lower).run();
}

}  // namespace capsem::store
