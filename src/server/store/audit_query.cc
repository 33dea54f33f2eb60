#include "server/store/audit_query.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <map>
#include <utility>

#include "server/store/audit_chain.h"
#include "server/store/audit_chain_reader.h"
#include "server/store/audit_content.h"
#include "server/store/audit_filter.h"

namespace capsem::store {
namespace {

// A segment's times are those of its writing; records that waited in a spool are older.
constexpr std::int64_t kHourMs = 3'600'000, kSpooledMsMax = 7 * 24 * kHourMs;
constexpr std::size_t kUntimedSegmentsMax = 16;
constexpr std::int64_t kBehindAll = std::numeric_limits<std::int64_t>::max();

struct Place {
  std::string segment;
  std::int64_t seq = 0;
};
struct Cursor {
  bool newest_first = true;
  std::vector<Place> places;
};

// "n.SEGMENT:SEQ.SEGMENT:SEQ": a place in each chain; "o" for oldest first.
std::string to_text(const Cursor& cursor) {
  std::string text(1, cursor.newest_first ? 'n' : 'o');
  for (const Place& place : cursor.places) text += fmt::format(".{}:{}", place.segment, place.seq);
  return text;
}

std::unexpected<Error> bad_cursor() {
  return client_error("invalid_cursor", "The cursor is none that a page of this list has given");
}

Result<Cursor> cursor_from(std::string_view text, bool newest_first) {
  if (text.empty() || text.front() != (newest_first ? 'n' : 'o')) return bad_cursor();
  Cursor cursor{.newest_first = newest_first, .places = {}};
  text.remove_prefix(1);
  while (!text.empty()) {
    if (text.front() != '.') return bad_cursor();
    text.remove_prefix(1);
    std::string_view part = text.substr(0, text.find('.'));
    text.remove_prefix(part.size());
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) return bad_cursor();
    Place place{.segment = std::string(part.substr(0, colon))};
    part.remove_prefix(colon + 1);
    const auto read = std::from_chars(part.data(), part.data() + part.size(), place.seq);
    if (read.ec != std::errc() || read.ptr != part.data() + part.size()) return bad_cursor();
    cursor.places.push_back(std::move(place));
  }
  return cursor;
}

bool may_hold(const AuditSegmentInfo& segment, const AuditFilter& filter) {
  if (segment.retired) return false;
  if (filter.from_ms && segment.closed_ms != 0 && segment.closed_ms < *filter.from_ms - kHourMs) {
    return false;
  }
  return !filter.until_ms || segment.begun_ms < *filter.until_ms + kSpooledMsMax;
}

using Chains = std::map<std::string, std::vector<AuditSegmentInfo>>;

// The reader of one chain, from its place on; none when nothing is left there.
std::optional<AuditChainReader> reader_of(const std::vector<AuditSegmentInfo>& chain,
                                          const Place* place, const AuditFilter& filter) {
  std::vector<AuditSegmentInfo> segments;
  for (const AuditSegmentInfo& segment : chain) {
    const bool is_place = place != nullptr && segment.id == place->segment;
    if (place != nullptr && !is_place &&
        (filter.newest_first ? segment.id > place->segment : segment.id < place->segment)) {
      continue;
    }
    if (is_place || may_hold(segment, filter)) segments.push_back(segment);
  }
  if (segments.empty()) return std::nullopt;
  if (filter.newest_first) std::ranges::reverse(segments);
  const bool there = place != nullptr && segments.front().id == place->segment;
  const std::int64_t seq = there ? place->seq : filter.newest_first ? kBehindAll : 0;
  return AuditChainReader(std::move(segments), filter.newest_first, seq);
}

Result<std::vector<AuditChainReader>> readers_of(sql::Connection& connection,
                                                 const AuditFilter& filter) {
  const auto segments = list_segments(connection);
  if (!segments) return std::unexpected(segments.error());
  Cursor cursor;
  if (!filter.cursor.empty()) {
    auto read = cursor_from(filter.cursor, filter.newest_first);
    if (!read) return std::unexpected(read.error());
    cursor = std::move(*read);
  }
  Chains chains;
  std::map<std::string, const Place*> places;
  for (const AuditSegmentInfo& segment : *segments) {
    chains[segment.gateway].push_back(segment);
    for (const Place& place : cursor.places) {
      if (place.segment == segment.id) places[segment.gateway] = &place;
    }
  }
  if (places.size() != cursor.places.size()) return bad_cursor();
  std::vector<AuditChainReader> readers;
  for (const auto& [gateway, chain] : chains) {
    const auto place = places.find(gateway);
    // Newest first: a chain that the cursor does not name has been read to its end.
    if (place == places.end() && filter.newest_first && !filter.cursor.empty()) continue;
    auto reader = reader_of(chain, place == places.end() ? nullptr : place->second, filter);
    if (reader) readers.push_back(std::move(*reader));
  }
  return readers;
}

// The chain whose next record comes first; nullptr: there are no more. Chains that have ended are
// moved to `ended`.
Result<AuditChainReader*> next_chain(sql::Connection& connection,
                                     std::vector<AuditChainReader>& readers,
                                     std::vector<Place>& ended, bool newest_first) {
  AuditChainReader* next = nullptr;
  for (std::size_t i = 0; i < readers.size();) {
    const auto more = readers[i].load(connection);
    if (!more) return std::unexpected(more.error());
    if (*more) {
      ++i;
      continue;
    }
    ended.push_back({.segment = readers[i].segment(), .seq = readers[i].seq()});
    readers.erase(readers.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (AuditChainReader& reader : readers) {
    const bool earlier =
        next == nullptr || (newest_first ? reader.front().time_ms > next->front().time_ms
                                         : reader.front().time_ms < next->front().time_ms);
    if (earlier) next = &reader;
  }
  return next;
}

Result<AuditPage> read_page(sql::Connection& connection, const AuditFilter& filter, bool follows) {
  auto readers = readers_of(connection, filter);
  if (!readers) return std::unexpected(readers.error());
  AuditMatcher matcher(filter);
  AuditPage page;
  std::vector<Place> ended;
  for (std::uint32_t scanned = 0;; ++scanned) {
    const auto next = next_chain(connection, *readers, ended, filter.newest_first);
    if (!next) return std::unexpected(next.error());
    if (*next == nullptr) break;
    if (page.rows.size() >= filter.limit) break;
    if (scanned == filter.scan_max) {
      page.complete = false;
      break;
    }
    if (matcher.matches((*next)->front())) page.rows.push_back((*next)->front());
    (*next)->pop();
  }
  Cursor cursor{.newest_first = filter.newest_first, .places = {}};
  for (const AuditChainReader& reader : *readers) {
    cursor.places.push_back({.segment = reader.segment(), .seq = reader.seq()});
  }
  // Oldest first, a chain that the cursor does not name is one that has begun since.
  if (!filter.newest_first) {
    for (Place& place : ended) cursor.places.push_back(std::move(place));
  }
  if (follows || !readers->empty()) page.next = to_text(cursor);
  return page;
}

// The milliseconds a version 7 UUID begins with.
std::optional<std::int64_t> time_of(std::string_view run_id) {
  if (run_id.size() != 36 || run_id[14] != '7' || run_id[8] != '-') return std::nullopt;
  const std::string digits = std::string(run_id.substr(0, 8)) + std::string(run_id.substr(9, 4));
  std::int64_t time_ms = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), time_ms, 16);
  if (read.ptr != digits.data() + digits.size()) return std::nullopt;
  return time_ms;
}

}  // namespace

Result<AuditPage> query_records(sql::Connection& connection, const AuditFilter& filter) {
  return read_page(connection, filter, false);
}

Result<AuditPage> follow_records(sql::Connection& connection, const AuditFilter& filter) {
  AuditFilter forward = filter;
  forward.newest_first = false;
  if (!filter.cursor.empty()) return read_page(connection, forward, true);
  const auto segments = list_segments(connection);
  if (!segments) return std::unexpected(segments.error());
  std::map<std::string, Place> ends;  // by gateway; later segments replace earlier ones
  for (const AuditSegmentInfo& segment : *segments) {
    ends[segment.gateway] = {.segment = segment.id, .seq = segment.records};
  }
  Cursor cursor{.newest_first = false, .places = {}};
  for (auto& [gateway, place] : ends) cursor.places.push_back(std::move(place));
  AuditPage page;
  page.next = to_text(cursor);
  return page;
}

Result<std::vector<AuditRow>> records_of_run(sql::Connection& connection, std::string_view run_id,
                                             std::string_view tenant) {
  auto segments = list_segments(connection);
  if (!segments) return std::unexpected(segments.error());
  if (const auto time_ms = time_of(run_id)) {
    const AuditFilter around{.from_ms = *time_ms, .until_ms = *time_ms};
    std::erase_if(*segments, [&](const AuditSegmentInfo& s) { return !may_hold(s, around); });
  } else if (segments->size() > kUntimedSegmentsMax) {
    segments->erase(segments->begin(), segments->end() - kUntimedSegmentsMax);
  }
  std::vector<AuditRow> rows;
  bool whole = false;
  for (const AuditSegmentInfo& segment : *segments) {
    const auto read = connection.run(
        "SELECT seq, kind, time_ms, run_id, tenant_id, line FROM audit_record "
        "WHERE place > $1 AND place < $2 AND run_id = $3 ORDER BY place",
        {place_of(segment.number, 0), place_of(segment.number + 1, 0), run_id},
        [&](const sql::Row& row) {
          if (!tenant.empty() && row.text(4) != tenant) return;
          rows.push_back({.segment = segment.id,
                          .seq = row.number(0),
                          .kind = std::string(row.text(1)),
                          .run_id = std::string(row.text(3)),
                          .tenant = std::string(row.text(4)),
                          .time_ms = row.number(2),
                          .line = std::string(row.text(5))});
          whole = whole || rows.back().kind == "exchange";
        });
    if (!read) return std::unexpected(read.error());
    if (whole) break;
  }
  return rows;
}

Result<std::optional<AuditContent>> content_of_run(sql::Connection& connection,
                                                   std::string_view run_id,
                                                   std::string_view tenant) {
  std::optional<AuditContent> content;
  const auto read = connection.run(
      "SELECT run_id, tenant_id, level, time_ms, body, key_id FROM audit_content "
      "WHERE run_id = $1 AND ($2 = '' OR tenant_id = $2)",
      {run_id, tenant}, [&](const sql::Row& row) {
        content = AuditContent{.run_id = std::string(row.text(0)),
                               .tenant = std::string(row.text(1)),
                               .level = std::string(row.text(2)),
                               .time_ms = row.number(3),
                               .body = std::string(row.blob(4)),
                               .key_id = std::string(row.text(5))};
      });
  if (!read) return std::unexpected(read.error());
  return content;
}

Result<std::string> open_content(const AuditContent& content, const vault::Vault& vault) {
  if (content.key_id.empty()) return content.body;
  const auto opened = vault.open(
      content.body, {.tenant = content.tenant, .provider = kContentPlace, .row = content.run_id});
  if (!opened) return std::unexpected(opened.error());
  return std::string(opened->reveal());
}

Result<std::vector<UsageRow>> query_usage(sql::Connection& connection, const UsageFilter& filter) {
  std::vector<UsageRow> rows;
  const auto flag = [](bool by) { return std::int64_t{by ? 1 : 0}; };
  const auto read = connection.run(
      "SELECT CASE WHEN $1 = 1 THEN day ELSE 0 END AS g_day, "
      "CASE WHEN $2 = 1 THEN integration_id ELSE '' END AS g_integration, "
      "CASE WHEN $3 = 1 THEN caller ELSE '' END AS g_caller, "
      "CASE WHEN $4 = 1 THEN model ELSE '' END AS g_model, "
      "CAST(SUM(requests) AS BIGINT), CAST(SUM(evaluations) AS BIGINT), "
      "CAST(SUM(blocked) AS BIGINT), CAST(SUM(held) AS BIGINT), "
      "CAST(SUM(input_tokens) AS BIGINT), CAST(SUM(output_tokens) AS BIGINT), "
      "CAST(SUM(cost_nanousd) AS BIGINT) FROM usage_day "
      "WHERE ($5 = 0 OR day >= $5) AND ($6 = 0 OR day < $6) AND ($7 = '' OR tenant_id = $7) "
      "AND ($8 = '' OR integration_id = $8) AND ($9 = '' OR caller = $9) "
      "AND ($10 = '' OR model = $10) GROUP BY 1, 2, 3, 4 ORDER BY 1 DESC, 2, 3, 4 LIMIT $11",
      {flag(filter.by_day), flag(filter.by_integration), flag(filter.by_caller),
       flag(filter.by_model), filter.from_day, filter.until_day, std::string_view(filter.tenant),
       std::string_view(filter.integration), std::string_view(filter.caller),
       std::string_view(filter.model), std::int64_t{filter.limit}},
      [&](const sql::Row& row) {
        rows.push_back({.day = row.number(0),
                        .integration = std::string(row.text(1)),
                        .caller = std::string(row.text(2)),
                        .model = std::string(row.text(3)),
                        .requests = row.number(4),
                        .evaluations = row.number(5),
                        .blocked = row.number(6),
                        .held = row.number(7),
                        .input_tokens = row.number(8),
                        .output_tokens = row.number(9),
                        .cost_nano = row.number(10)});
      });
  if (!read) return std::unexpected(read.error());
  return rows;
}

}  // namespace capsem::store
