#include "server/store/audit_filter.h"

#include <algorithm>
#include <limits>

#include "core/audit/json_line.h"

namespace capsem::store {

AuditMatcher::AuditMatcher(const AuditFilter& filter) : filter_(filter), verdict_(filter.verdict) {
  for (char& c : verdict_) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  const std::string* const values[] = {&filter.integration, &filter.caller,   &filter.agent,
                                       &filter.model,       &filter.provider, &verdict_,
                                       &filter.outcome};
  for (const std::string* value : values) {
    if (value->empty()) continue;
    needles_.emplace_back();
    audit::append_escaped(needles_.back(), *value, std::numeric_limits<std::size_t>::max());
  }
  if (filter.runs_only) needles_.emplace_back("\"evaluated\":true");
}

bool AuditMatcher::matches(const AuditRow& row) {
  if (!filter_.tenant.empty() && row.tenant != filter_.tenant) return false;
  if (!filter_.kind.empty() && row.kind != filter_.kind) return false;
  if (filter_.from_ms && row.time_ms < *filter_.from_ms) return false;
  if (filter_.until_ms && row.time_ms >= *filter_.until_ms) return false;
  if (filter_.runs_only && row.kind != "exchange") return false;
  const bool promising = std::ranges::all_of(needles_, [&](const std::string& needle) {
    return row.line.find(needle) != std::string::npos;
  });
  return promising && (needles_.empty() || line_matches(row.line));
}

// The needle may stand elsewhere in the line.
bool AuditMatcher::line_matches(const std::string& line) {
  padded_.assign(line);
  padded_.append(wire::JsonReader::kPadding, '\0');
  if (!json_.parse(std::string_view(padded_).substr(0, line.size()))) return false;
  const bool caller = filter_.caller.empty() || member_is("key_id", filter_.caller) ||
                      member_is("user_id", filter_.caller);
  const bool run = !filter_.runs_only || member_is("evaluated", "true");
  return caller && run && member_is("integration", filter_.integration) &&
         member_is("agent", filter_.agent) && member_is("model", filter_.model) &&
         member_is("provider", filter_.provider) && member_is("verdict", verdict_) &&
         member_is("outcome", filter_.outcome);
}

bool AuditMatcher::member_is(std::string_view name, std::string_view wanted) const {
  if (wanted.empty()) return true;
  const wire::JsonNode* member = json_.find(0, name);
  return member != nullptr && member->text == wanted;
}

}  // namespace capsem::store
