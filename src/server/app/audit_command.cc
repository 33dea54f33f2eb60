// `capsem audit WORD ...`: the audit read and verified from its database, also while a gateway
// writes to it.
#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/policy/toml_source.h"
#include "server/app/audit_csv.h"
#include "server/app/command_line.h"
#include "server/app/system_clock.h"
#include "server/sql/schema.h"
#include "server/store/audit_query.h"
#include "server/store/audit_verify.h"

namespace capsem::app {
namespace {

constexpr const char* kExits = "Exit status: 0 done, 1 failed or broken, 2 misused.";
constexpr std::uint32_t kCallMs = 10'000;
constexpr std::uint32_t kReadMs = 3'600'000;  // one statement reads a whole segment
constexpr std::uint32_t kPage = 500;
constexpr std::chrono::milliseconds kFollowPause{250};

struct Place {
  std::string data_dir, database_url;

  void add_to(CLI::App& app) {
    app.add_option("--data-dir", data_dir, "the gateway's data directory");
    app.add_option("--database-url", database_url, "postgres://...");
    app.footer(kExits);
  }
};

// Nothing is made where nothing is: a mistyped folder is an error.
Result<std::unique_ptr<sql::Connection>> open(const Place& place) {
  if (place.data_dir.empty() && place.database_url.empty()) {
    return client_error("misused", "which --data-dir or --database-url?");
  }
  auto target = sql::target_of(place.data_dir, place.database_url);
  if (!target) return std::unexpected(target.error());
  if (target->kind == sql::Kind::Sqlite && ::access(target->location.c_str(), F_OK) != 0) {
    return gateway_error("no_database", target->location + ": there is no database");
  }
  target->busy_ms = target->connect_ms = kCallMs;
  target->statement_ms = kReadMs;
  auto connection = sql::open(*target);
  if (!connection) return connection;
  const auto version = sql::version_of(**connection);
  if (!version) return std::unexpected(version.error());
  if (*version != sql::schema_version()) {
    return gateway_error("store_invalid",
                         fmt::format("{}: the database has version {}, this program works with {}",
                                     sql::describe(*target), *version, sql::schema_version()));
  }
  return connection;
}

int misused(const Error& error) {
  fmt::print(stderr, "capsem audit: {}\n", error.detail);
  return error.code == "misused" ? 2 : 1;
}

// "90s", "15m", "24h", "7d" before now; a date; a date and a time, UTC.
std::optional<std::int64_t> read_time(const std::string& text, std::int64_t now_ms) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end - 1) {
    constexpr std::pair<char, std::int64_t> kUnits[] = {
        {'s', 1'000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}};
    for (const auto& [unit, ms] : kUnits) {
      if (*read.ptr == unit) return now_ms - number * ms;
    }
    return std::nullopt;
  }
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  int used = 0;
  const int fields = std::sscanf(text.c_str(), "%4u-%2u-%2u%nT%2u:%2u:%2u%n", &year, &month, &day,
                                 &used, &hour, &minute, &second, &used);
  const bool whole = fields == 3 || fields == 6;
  const std::string rest = whole ? text.substr(static_cast<std::size_t>(used)) : "x";
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!whole || (!rest.empty() && rest != "Z") || !date.ok() || hour > 23 || minute > 59 ||
      second > 59) {
    return std::nullopt;
  }
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return ((days * 24 + hour) * 60 + minute) * 60'000 + std::int64_t{second} * 1'000;
}

struct Filters {
  store::AuditFilter filter;
  std::string since, until, run_id;

  void add_to(CLI::App& app) {
    app.add_option("--since", since, "90s, 15m, 24h, 7d before now, 2026-01-31, or a time of it");
    app.add_option("--until", until, "the same; what ended before");
    app.add_option("--tenant", filter.tenant, "a tenant's id");
    app.add_option("--integration", filter.integration, "an integration's id");
    app.add_option("--caller", filter.caller, "a key's id, or a hashed user id");
    app.add_option("--agent", filter.agent, "the agent's name");
    app.add_option("--model", filter.model, "the model asked for");
    app.add_option("--provider", filter.provider, "openai, gemini, anthropic");
    app.add_option("--verdict", filter.verdict, "ALLOW, MONITOR, LOG, CONFIRM, BLOCK, ...");
    app.add_option("--outcome", filter.outcome, "complete, blocked, client_gone, ...");
    app.add_option("--kind", filter.kind, "exchange, opening, admin");
  }
  Status read() {
    const std::int64_t now_ms = SystemClock().wall_ms();
    for (const auto& [text, time] :
         {std::pair{&since, &filter.from_ms}, std::pair{&until, &filter.until_ms}}) {
      if (text->empty()) continue;
      *time = read_time(*text, now_ms);
      if (!*time) return client_error("misused", "no time: " + *text);
    }
    return {};
  }
};

using OnRow = std::function<bool(const store::AuditRow&)>;  // false: enough

// Page after page, until there are no more or it is enough.
Status for_each(sql::Connection& connection, store::AuditFilter filter, const OnRow& on_row) {
  filter.limit = std::min(filter.limit, kPage);
  for (;;) {
    const auto page = store::query_records(connection, filter);
    if (!page) return std::unexpected(page.error());
    for (const store::AuditRow& row : page->rows) {
      if (!on_row(row)) return {};
    }
    if (page->next.empty()) return {};
    filter.cursor = page->next;
  }
}

// False when nobody reads any more.
bool put(std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
}

int finish(const Status& done) {
  if (!done) return misused(done.error());
  return std::fflush(stdout) == 0 ? 0 : 1;
}

int run_audit_query(Arguments arguments) {
  CLI::App app("Print records, newest first, one JSON object on a line", "capsem audit query");
  Place place;
  Filters filters;
  std::uint32_t limit = 100;
  bool oldest = false;
  place.add_to(app);
  filters.add_to(app);
  app.add_option("--run", filters.run_id, "the records of one run");
  app.add_option("--limit", limit, "at most so many [100]")->check(CLI::Range(1, 1'000'000'000));
  app.add_flag("--oldest-first", oldest, "in the order they were written");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (Status read = filters.read(); !read) return misused(read.error());
  auto connection = open(place);
  if (!connection) return misused(connection.error());
  if (!filters.run_id.empty()) {
    const auto rows = store::records_of_run(**connection, filters.run_id, filters.filter.tenant);
    if (!rows) return misused(rows.error());
    for (const store::AuditRow& row : *rows) put(row.line + "\n");
    return rows->empty() ? 1 : finish({});
  }
  filters.filter.newest_first = !oldest;
  filters.filter.limit = limit;
  return finish(for_each(**connection, filters.filter, [&](const store::AuditRow& row) {
    return put(row.line + "\n") && --limit != 0;
  }));
}

int run_audit_tail(Arguments arguments) {
  CLI::App app("Print the latest records, and with -f those that come", "capsem audit tail");
  Place place;
  Filters filters;
  std::uint32_t lines = 10;
  bool follow = false;
  place.add_to(app);
  filters.add_to(app);
  app.add_option("-n,--lines", lines, "so many [10]");
  app.add_flag("-f,--follow", follow, "go on until interrupted");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (Status read = filters.read(); !read) return misused(read.error());
  auto connection = open(place);
  if (!connection) return misused(connection.error());

  // The end first: what comes between the two questions is printed twice rather than never.
  auto page = store::follow_records(**connection, filters.filter);
  if (!page) return misused(page.error());
  std::vector<std::string> latest;
  filters.filter.limit = std::max(lines, 1U);
  const Status done = lines == 0
                          ? Status()
                          : for_each(**connection, filters.filter, [&](const store::AuditRow& row) {
                              latest.push_back(row.line + "\n");
                              return latest.size() < lines;
                            });
  if (!done) return misused(done.error());
  for (auto line = latest.rbegin(); line != latest.rend(); ++line) put(*line);
  filters.filter.limit = kPage;
  while (follow) {
    if (std::fflush(stdout) != 0) return 1;
    filters.filter.cursor = page->next;
    page = store::follow_records(**connection, filters.filter);
    if (!page) return misused(page.error());
    for (const store::AuditRow& row : page->rows) put(row.line + "\n");
    if (page->rows.empty()) ::usleep(std::chrono::microseconds(kFollowPause).count());
  }
  return finish({});
}

int run_audit_export(Arguments arguments) {
  CLI::App app("Write all records, oldest first, as JSON lines or CSV", "capsem audit export");
  Place place;
  Filters filters;
  std::string format = "jsonl";
  place.add_to(app);
  filters.add_to(app);
  app.add_option("--format", format, "jsonl or csv [jsonl]")
      ->check(CLI::IsMember({"jsonl", "csv"}));
  if (const auto status = parse_arguments(app, arguments)) return *status;
  if (Status read = filters.read(); !read) return misused(read.error());
  auto connection = open(place);
  if (!connection) return misused(connection.error());
  filters.filter.newest_first = false;
  filters.filter.limit = kPage;
  AuditCsv csv;
  const bool table = format == "csv";
  if (table) put(AuditCsv::head());
  return finish(for_each(**connection, filters.filter, [&](const store::AuditRow& row) {
    return put(table ? csv.line(row)
                     : fmt::format("{{\"segment\":\"{}\",\"seq\":{},\"time_ms\":{},\"kind\":\"{}\","
                                   "\"record\":{}}}\n",
                                   row.segment, row.seq, row.time_ms, row.kind, row.line));
  }));
}

void print_report(const store::AuditReport& report) {
  fmt::print("{} records in {} segments", report.records,
             report.segments - report.retired_segments);
  if (report.retired_segments != 0) {
    fmt::print("; {} segments were removed by retention", report.retired_segments);
  }
  fmt::print("\n");
  for (const store::AuditHead& head : report.heads) {
    fmt::print("head {} {} {} {}\n", head.gateway, head.segment, head.records, head.digest);
  }
  for (const store::AuditFault& fault : report.faults) {
    const std::string where = fault.seq == 0
                                  ? fmt::format("segment {}", fault.segment)
                                  : fmt::format("segment {} record {}", fault.segment, fault.seq);
    fmt::print("BROKEN {} {}: {}\n", fault.gateway, where, fault.what);
  }
  if (!report.anchor_found) fmt::print("BROKEN the given head is nowhere in the chain\n");
  fmt::print("{}\n", report.sound() ? "sound" : "broken");
}

int run_audit_verify(Arguments arguments) {
  CLI::App app(
      "Recompute the chain of all records; name the first that was changed, removed or put in",
      "capsem audit verify");
  Place place;
  store::AuditVerifyOptions options;
  place.add_to(app);
  app.add_option("--head", options.anchor,
                 "a head that was printed before: it must still be in the chain");
  if (const auto status = parse_arguments(app, arguments)) return *status;
  auto connection = open(place);
  if (!connection) return misused(connection.error());
  const auto report = store::verify_audit(**connection, options);
  if (!report) {
    return misused(report.error().code == "invalid_anchor"
                       ? Error{Fault::Client, "misused", report.error().detail}
                       : report.error());
  }
  print_report(*report);
  return report->sound() ? finish({}) : 1;
}

constexpr Subcommand kWords[] = {
    {"verify", "is every record as it was written?", run_audit_verify},
    {"query", "find records", run_audit_query},
    {"tail", "the latest records, and those that come", run_audit_tail},
    {"export", "all records as JSON lines or CSV", run_audit_export},
};

void print_usage(std::FILE* out) {
  fmt::print(out,
             "Read and verify the audit, also while the gateway runs\n\n"
             "Usage: capsem audit COMMAND (--data-dir DIR | --database-url URL) [OPTIONS]\n\n");
  for (const Subcommand& word : kWords) fmt::print(out, "  {:<8} {}\n", word.name, word.help);
  fmt::print(out, "\n{}\n`capsem audit COMMAND --help` says more.\n", kExits);
}

}  // namespace

int run_audit(Arguments arguments) {
  if (arguments.empty()) {
    print_usage(stderr);
    return 2;
  }
  const std::string& word = arguments.front();
  if (word == "--help" || word == "-h") {
    print_usage(stdout);
    return 0;
  }
  std::vector<std::string_view> names;
  for (const Subcommand& known : kWords) {
    if (known.name == word) return known.run(arguments.subspan(1));
    names.push_back(known.name);
  }
  fmt::print(stderr, "capsem audit: unknown command '{}'{}\n", word,
             policy::suggestion(word, names));
  return 2;
}

}  // namespace capsem::app
