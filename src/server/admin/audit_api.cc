#include "core/codec/denial.h"
#include "server/admin/background.h"
#include "server/admin/routes.h"
#include "server/admin/show.h"
#include "server/store/audit_query.h"
#include "server/store/audit_verify.h"

namespace capsem::admin {
namespace {

using store::AuditFilter;
using store::AuditRow;

constexpr std::size_t kAnchorDigits = 64;
constexpr std::int64_t kDayMs = 86'400'000;

Result<std::optional<std::int64_t>> time_parameter(const Call& call, std::string_view name) {
  const auto text = call.query(name);
  if (!text) return std::optional<std::int64_t>();
  const auto time = time_from(*text);
  if (time) return std::optional(*time);
  return client_error("invalid_request",
                      "`" + std::string(name) + "` must be a time, as 2026-01-31T00:00:00Z");
}

Result<AuditFilter> filter_of(Call& call) {
  AuditFilter filter;
  const auto from = time_parameter(call, "from"), until = time_parameter(call, "until");
  if (!from) return std::unexpected(from.error());
  if (!until) return std::unexpected(until.error());
  const auto limit = number_of(call, "limit", 1, kPageRowsMax, kPageRowsDefault);
  if (!limit) return std::unexpected(limit.error());
  filter.from_ms = *from;
  filter.until_ms = *until;
  filter.limit = static_cast<std::uint32_t>(*limit);
  filter.tenant = call.tenant_filter();
  const auto take = [&](std::string& member, std::string_view name) {
    member = call.query(name).value_or("");
  };
  take(filter.kind, "kind");
  take(filter.integration, "integration");
  take(filter.caller, "caller");
  take(filter.agent, "agent");
  take(filter.model, "model");
  take(filter.provider, "provider");
  take(filter.verdict, "verdict");
  take(filter.outcome, "outcome");
  take(filter.cursor, "cursor");
  return filter;
}

std::string show(const AuditRow& row) {
  return Shown()
      .text("segment", row.segment)
      .number("seq", row.seq)
      .text("kind", row.kind)
      .time("time", row.time_ms)
      .text("tenant", row.tenant)
      .text_or_null("run_id", row.run_id)
      .raw("record", row.line)
      .take();
}

AdminReply page_of_records(Call& call, bool runs_only) {
  auto filter = filter_of(call);
  if (!filter) return error_reply(filter.error());
  filter->runs_only = runs_only;
  if (runs_only) filter->kind = "exchange";
  const auto page = store::query_records(*call.connection, *filter);
  if (!page && page.error().code == "invalid_cursor") {
    return error_reply(400, "invalid_request", "`cursor` is not one that this list gave out");
  }
  if (!page) return error_reply(page.error());
  std::vector<std::string> items;
  for (const AuditRow& row : page->rows) items.push_back(show(row));
  return list_reply(items, page->next);
}

AdminReply run(Call& call) {
  const auto rows = store::records_of_run(*call.connection, call.ids[0]);
  if (!rows) return error_reply(rows.error());
  if (rows->empty() || !call.sees(rows->front().tenant)) return not_found();
  std::string records = "[";
  for (const AuditRow& row : *rows) {
    if (records.size() > 1) records += ',';
    records += show(row);
  }
  const auto content = store::content_of_run(*call.connection, call.ids[0], rows->front().tenant);
  if (!content) return error_reply(content.error());
  return data_reply(Shown()
                        .text("run_id", call.ids[0])
                        .text("tenant", rows->front().tenant)
                        .flag("has_content", content->has_value())
                        .raw("records", records + "]")
                        .take());
}

AdminReply content(Call& call, const Hooks& hooks) {
  const auto kept = store::content_of_run(*call.connection, call.ids[0]);
  if (!kept) return error_reply(kept.error());
  if (!*kept || !call.sees((*kept)->tenant)) return not_found();
  const auto vault = hooks.vault ? hooks.vault() : nullptr;
  const vault::Vault none;
  const auto text = store::open_content(**kept, vault ? *vault : none);
  if (!text) return error_reply(text.error());
  return data_reply(Shown()
                        .text("run_id", (*kept)->run_id)
                        .text("tenant", (*kept)->tenant)
                        .text("level", (*kept)->level)
                        .time("time", (*kept)->time_ms)
                        .raw("content", *text)
                        .take());
}

std::string show(const store::AuditReport& report) {
  std::string heads = "[", faults = "[";
  for (const store::AuditHead& head : report.heads) {
    if (heads.size() > 1) heads += ',';
    heads += Shown()
                 .text("gateway", head.gateway)
                 .text("segment", head.segment)
                 .number("records", head.records)
                 .text("digest", head.digest)
                 .take();
  }
  for (const store::AuditFault& fault : report.faults) {
    if (faults.size() > 1) faults += ',';
    faults += Shown()
                  .text("gateway", fault.gateway)
                  .text("segment", fault.segment)
                  .number("seq", fault.seq)
                  .text("what", fault.what)
                  .take();
  }
  return Shown()
      .flag("sound", report.sound())
      .number("records", static_cast<std::int64_t>(report.records))
      .number("segments", static_cast<std::int64_t>(report.segments))
      .number("retired_segments", static_cast<std::int64_t>(report.retired_segments))
      .flag("anchor_found", report.anchor_found)
      .raw("faults", faults + "]")
      .raw("heads", heads + "]")
      .take();
}

AdminReply verified(const Hooks& hooks, const store::AuditVerifyOptions& options) {
  const auto connection = hooks.connect();
  if (!connection) return error_reply(connection.error());
  const auto report = store::verify_audit(**connection, options);
  return report ? data_reply(show(*report)) : error_reply(report.error());
}

// On a connection of its own: the walk may take minutes, and reviews wait for the executor.
AdminReply verify(Call& call, const Hooks& hooks, Background& background) {
  store::AuditVerifyOptions options;
  options.anchor = call.query("anchor").value_or("");
  const bool hex = options.anchor.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!options.anchor.empty() && (!hex || options.anchor.size() != kAnchorDigits)) {
    return error_reply(400, "invalid_request", "`anchor` must be 64 hexadecimal digits");
  }
  if (!hooks.connect) return error_reply(501, "not_available", "There is no audit to verify");
  return call.answer_later([&hooks, &background, options](Call::Later answer) {
    const bool begun =
        background.start([&hooks, options, answer] { answer(verified(hooks, options)); });
    if (!begun) answer(error_reply(503, "busy", "The audit is being verified already"));
  });
}

// "2026-01-31" as days since 1970; 0: not named.
Result<std::int64_t> day_parameter(const Call& call, std::string_view name) {
  const auto text = call.query(name);
  if (!text) return 0;
  const auto time = time_from(std::string(*text) + "T00:00:00Z");
  if (time && *time >= 0) return *time / kDayMs;
  return client_error("invalid_request",
                      "`" + std::string(name) + "` must be a day, as 2026-01-31");
}

// "day,model"
Status read_groups(const Call& call, store::UsageFilter& filter) {
  filter.by_day = false;
  std::string_view rest = call.query("by").value_or("day");
  while (!rest.empty()) {
    const auto comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    if (word == "day") {
      filter.by_day = true;
    } else if (word == "integration") {
      filter.by_integration = true;
    } else if (word == "caller") {
      filter.by_caller = true;
    } else if (word == "model") {
      filter.by_model = true;
    } else {
      return client_error("invalid_request",
                          "`by` must be a list of day, integration, caller, model");
    }
  }
  return {};
}

AdminReply usage(Call& call) {
  store::UsageFilter filter;
  const auto from = day_parameter(call, "from"), until = day_parameter(call, "until");
  if (!from) return error_reply(from.error());
  if (!until) return error_reply(until.error());
  if (auto sound = read_groups(call, filter); !sound) return error_reply(sound.error());
  filter.from_day = *from;
  filter.until_day = *until;
  filter.tenant = call.tenant_filter();
  filter.integration = call.query("integration").value_or("");
  filter.caller = call.query("caller").value_or("");
  filter.model = call.query("model").value_or("");
  const auto rows = store::query_usage(*call.connection, filter);
  if (!rows) return error_reply(rows.error());
  std::vector<std::string> items;
  for (const store::UsageRow& row : *rows) {
    Shown shown;
    if (filter.by_day) shown.text("day", time_text(row.day * kDayMs).substr(0, 10));
    if (filter.by_integration) shown.text_or_null("integration", row.integration);
    if (filter.by_caller) shown.text_or_null("caller", row.caller);
    if (filter.by_model) shown.text("model", row.model);
    items.push_back(shown.number("requests", row.requests)
                        .number("evaluations", row.evaluations)
                        .number("blocked", row.blocked)
                        .number("held", row.held)
                        .number("input_tokens", row.input_tokens)
                        .number("output_tokens", row.output_tokens)
                        .number("cost_nano", row.cost_nano)
                        .take());
  }
  return list_reply(items);
}

}  // namespace

void add_audit_routes(Router& router, const Hooks& hooks, Background& background) {
  const auto add = [&](std::string_view pattern, Right right, Handler handler,
                       std::vector<std::string_view> parameters = {}) {
    router.add({.method = "GET",
                .pattern = pattern,
                .right = right,
                .handler = std::move(handler),
                .parameters = std::move(parameters)});
  };
  add("/v1/runs", Right::Read, [](Call& call) { return page_of_records(call, true); },
      {"limit", "cursor", "tenant", "from", "until", "integration", "caller", "agent", "model",
       "provider", "verdict", "outcome"});
  add("/v1/runs/{run_id}", Right::Read, run);
  add("/v1/runs/{run_id}/content", Right::Audit,
      [&hooks](Call& call) { return content(call, hooks); });
  add("/v1/records", Right::Audit, [](Call& call) { return page_of_records(call, false); },
      {"limit", "cursor", "tenant", "from", "until", "kind", "integration", "caller", "agent",
       "model", "provider", "verdict", "outcome"});
  router.add(
      {.method = "GET",
       .pattern = "/v1/audit/verify",
       .right = Right::Audit,
       .handler = [&hooks, &background](Call& call) { return verify(call, hooks, background); },
       .parameters = {"anchor"},
       .all_tenants = true});
  add("/v1/usage", Right::Read, usage,
      {"tenant", "from", "until", "by", "integration", "caller", "model"});
}

}  // namespace capsem::admin
