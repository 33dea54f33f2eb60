#include "server/admin/violations_api.h"

#include <algorithm>

#include "server/admin/fields.h"
#include "server/admin/show.h"
#include "server/store/violations.h"

namespace capsem::admin {
namespace {

using store::Violation;
using store::ViolationStep;

std::string show(const Violation& row) {
  return Shown()
      .text("id", row.id)
      .text("status", row.status)
      .text("tenant", row.tenant)
      .text_or_null("integration_id", row.integration)
      .text("run_id", row.run_id)
      .text_or_null("review_id", row.review_id)
      .text("policy", row.policy)
      .text("rule", row.rule)
      .text_or_null("rule_name", row.rule_name)
      .text_or_null("type", row.type)
      .text_or_null("severity", row.severity)
      .text("message", row.message)
      .text("enforcement", row.enforcement)
      .text("phase", row.phase)
      .text_or_null("field", row.field)
      .time("time", row.time_ms)
      .text_or_null("resolution", row.resolution)
      .text_or_null("note", row.note)
      .text_or_null("changed_by", row.changed_by)
      .time_or_null("changed_at", row.changed_ms)
      .take();
}

// Policies spell severities in lower case.
std::string upper(std::string_view word) {
  std::string text(word);
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return text;
}

Status read_times(const Call& call, store::ViolationFilter& filter) {
  const auto read = [&](std::string_view name, std::int64_t& into) -> Status {
    const auto text = call.query(name);
    if (!text) return {};
    const auto time = time_from(*text);
    if (!time) {
      return client_error("invalid_request",
                          "`" + std::string(name) + "` must be a time, as 2030-01-31T00:00:00Z");
    }
    into = *time;
    return {};
  };
  if (auto ok = read("from", filter.from_ms); !ok) return ok;
  return read("until", filter.until_ms);
}

AdminReply list(Call& call) {
  const auto page = page_of(call);
  if (!page) return error_reply(page.error());
  store::ViolationFilter filter;
  filter.tenant = call.tenant_filter();
  filter.status = upper(call.query("status").value_or(""));
  filter.severity = upper(call.query("severity").value_or(""));
  filter.enforcement = upper(call.query("enforcement").value_or(""));
  filter.integration = call.query("integration").value_or("");
  filter.policy = call.query("policy").value_or("");
  filter.run_id = call.query("run_id").value_or("");
  if (auto ok = read_times(call, filter); !ok) return error_reply(ok.error());
  filter.limit = std::int64_t{page->limit} + 1;
  filter.before_ms = page->before_ms;
  filter.before_id = page->before_id;
  const auto rows = store::list_violations(*call.connection, filter);
  if (!rows) return error_reply(rows.error());
  return page_reply(*rows, *page, show,
                    [](const Violation& row) { return cursor_of(row.time_ms, row.id); });
}

// The violation that the path names, if the caller may see it.
Result<Violation> violation_of(Call& call) {
  auto found = store::find_violation(*call.connection, call.ids[0]);
  if (!found) return std::unexpected(found.error());
  if (!*found || !call.sees((*found)->tenant)) {
    return client_error("not_found", "there is no such violation");
  }
  return std::move(**found);
}

AdminReply get(Call& call) {
  const auto violation = violation_of(call);
  if (!violation) return error_reply(violation.error());
  return data_reply(show(*violation));
}

AdminReply move(Call& call, ViolationStep step) {
  constexpr TextBounds kNote{.min = 0, .max = kNoteBytesMax, .lines = true};
  Fields fields(call.body);
  std::string resolution, note;
  if (step == ViolationStep::Resolve) {
    resolution = fields.text("type", {.min = 1, .max = kNameBytesMax});
    note = fields.optional_text("note", kNote).value_or("");
  }
  if (step == ViolationStep::Dismiss) {
    note = fields.text("reason", {.min = 1, .max = kNoteBytesMax, .lines = true});
  }
  if (auto sound = fields.done(); !sound) return error_reply(sound.error());
  const auto before = violation_of(call);
  if (!before) return error_reply(before.error());
  call.about(before->id, before->tenant);
  const auto moved = store::move_violation(*call.connection, before->id, step, resolution, note,
                                           call.who.name, call.now_ms);
  if (!moved) return error_reply(moved.error());
  const auto now = violation_of(call);
  if (!now) return error_reply(now.error());
  if (!*moved) {
    return error_reply(409, "conflict",
                       "The violation is " + now->status +
                           ": NEW ones are acknowledged first, "
                           "ACKNOWLEDGED ones are resolved or dismissed");
  }
  return data_reply(show(*now));
}

}  // namespace

void add_violation_routes(Router& router) {
  router.add({.method = "GET",
              .pattern = "/v1/violations",
              .right = Right::Read,
              .handler = list,
              .parameters = {"status", "severity", "enforcement", "integration", "policy", "run_id",
                             "from", "until", "tenant", "limit", "cursor"}});
  router.add(
      {.method = "GET", .pattern = "/v1/violations/{id}", .right = Right::Read, .handler = get});
  const auto add_step = [&](std::string_view pattern, ViolationStep step, bool optional_body) {
    router.add({.method = "POST",
                .pattern = pattern,
                .right = Right::Review,
                .handler = [step](Call& call) { return move(call, step); },
                .optional_body = optional_body});
  };
  add_step("/v1/violations/{id}/acknowledge", ViolationStep::Acknowledge, true);
  add_step("/v1/violations/{id}/resolve", ViolationStep::Resolve, false);
  add_step("/v1/violations/{id}/dismiss", ViolationStep::Dismiss, false);
}

}  // namespace capsem::admin
