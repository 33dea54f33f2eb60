#include "server/admin/key_fields.h"

#include <algorithm>
#include <charconv>

#include "core/base/glob.h"
#include "server/admin/show.h"

namespace capsem::admin {
namespace {

std::vector<std::string> globs(Fields& fields, std::string_view name) {
  auto list = fields.optional_list(name, store::kKeyGlobsMax, {.min = 1, .max = kGlobTextBytesMax})
                  .value_or(std::vector<std::string>());
  for (const std::string& glob : list) {
    if (!Glob::parse(glob)) fields.wrong(name, "has a pattern that cannot be read");
  }
  return list;
}

void read_limits(Fields& fields, const wire::JsonReader* body, store::KeyRow& row) {
  const wire::JsonNode* limits = fields.node("limits");
  if (limits == nullptr || limits->kind == wire::JsonKind::Null) return;
  if (limits->kind != wire::JsonKind::Object) return fields.wrong("limits", "must be an object");
  const auto nodes = body->nodes();
  const auto first = static_cast<std::size_t>(limits - nodes.data()) + 1;
  for (std::size_t i = first; i < limits->next; i = nodes[i].next) {
    const bool known =
        std::ranges::find(store::kKeyLimitNames, nodes[i].key) != store::kKeyLimitNames.end();
    std::int64_t amount = 0;
    const std::string_view text = nodes[i].text;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), amount);
    if (!known || nodes[i].kind != wire::JsonKind::Number || fault != std::errc() ||
        end != text.data() + text.size() || amount < 1 || amount > store::kKeyLimitMax) {
      return fields.wrong("limits",
                          "must have known names with whole numbers from 1 to 1000000000000");
    }
    row.limits.emplace_back(nodes[i].key, amount);
  }
}

}  // namespace

store::KeyRow read_key_fields(Fields& fields, std::string_view name_member,
                              const wire::JsonReader* body, std::int64_t now_ms) {
  store::KeyRow row;
  row.name =
      fields.optional_text(name_member, {.min = 1, .max = kNameBytesMax}).value_or("default");
  row.agents = globs(fields, "agents");
  row.models = globs(fields, "models");
  row.policies = globs(fields, "policies");
  read_limits(fields, body, row);
  if (const auto text = fields.optional_text("expires_at", {.min = 1, .max = 40})) {
    const auto time = time_from(*text);
    if (!time || *time <= now_ms) {
      fields.wrong("expires_at", "must be a time to come, as 2030-01-31T00:00:00Z");
    }
    row.expires_ms = time.value_or(0);
  }
  return row;
}

std::string_view key_state(const store::KeyRow& row, std::int64_t now_ms) {
  if (row.revoked_ms != 0) return "revoked";
  if (row.expires_ms != 0 && row.expires_ms <= now_ms) return "expired";
  return row.replaced_by.empty() ? "active" : "replaced";
}

std::string show_key(const store::KeyRow& row, std::int64_t now_ms, const Secret* secret) {
  Shown shown;
  shown.text("id", row.id)
      .text("integration_id", row.integration)
      .text("tenant", row.tenant)
      .text("name", row.name)
      .text("prefix", row.prefix)
      .text("state", key_state(row, now_ms))
      .list("agents", row.agents)
      .list("models", row.models)
      .list("policies", row.policies)
      .raw("limits", store::to_json_limits(row))
      .time("created_at", row.created_ms)
      .time_or_null("expires_at", row.expires_ms)
      .time_or_null("revoked_at", row.revoked_ms)
      .text_or_null("replaced_by", row.replaced_by);
  if (secret != nullptr) shown.text("key", secret->reveal());
  return shown.take();
}

}  // namespace capsem::admin
