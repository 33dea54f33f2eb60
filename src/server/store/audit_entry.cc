#include "server/store/audit_entry.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "core/policy/decision.h"
#include "server/tenant/directory.h"

namespace capsem::store {
namespace {

// Names come from outside; a longer one is cut. Those of keys and tenants are far shorter.
constexpr std::size_t kNameBytesMax = 256;
constexpr std::size_t kViolationsMax = 256;  // rows of one record; its line says all of them
constexpr std::size_t kTextBytesMax = 1024;

std::int64_t as_signed(std::uint64_t amount) {
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max() >> 16;
  return static_cast<std::int64_t>(std::min(amount, kMax));
}

// Cut at a character of UTF-8; NUL separates.
std::string_view bounded(std::string_view text, std::size_t bytes_max) {
  text = text.substr(0, text.find('\0'));
  if (text.size() <= bytes_max) return text;
  std::size_t size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string_view enforcement_of(policy::Verdict verdict) {
  switch (verdict) {
    case policy::Verdict::Block:
      return "BLOCK";
    case policy::Verdict::Confirm:
      return "APPROVAL_REQUIRED";
    case policy::Verdict::Redact:
      return "REDACT";
    case policy::Verdict::Log:
    case policy::Verdict::Clarify:
    case policy::Verdict::Replan:
      return "WARN";
    default:
      return "MONITOR_ONLY";
  }
}

// Rules without a severity of their own get one by what they do.
std::string_view severity_of(const policy::Decision& decision) {
  if (!decision.severity.empty()) return decision.severity;
  switch (decision.verdict) {
    case policy::Verdict::Block:
    case policy::Verdict::Confirm:
      return "HIGH";
    case policy::Verdict::Monitor:
      return "LOW";
    default:
      return "MEDIUM";
  }
}

ViolationRow violation_of(const policy::Decision& decision) {
  ViolationRow row;
  row.policy = bounded(decision.policy, kTextBytesMax);
  row.rule = bounded(decision.rule, kTextBytesMax);
  row.type = to_string(decision.reason);
  row.severity = bounded(severity_of(decision), kTextBytesMax);
  row.message = bounded(decision.details, kTextBytesMax);
  row.field = to_string(decision.point);
  if (!decision.tool_name.empty()) {
    row.field += ':';
    row.field += bounded(decision.tool_name, kTextBytesMax);
  }
  row.enforcement = enforcement_of(decision.verdict);
  row.phase = decision.phase == event::Phase::Request ? "input" : "output";
  return row;
}

UsageCounts usage_of(const audit::Record& record) {
  UsageCounts counts{.requests = 1, .evaluations = record.evaluated ? 1 : 0};
  if (record.status >= 400) {
    counts.blocked = record.verdict == policy::Verdict::Block ? 1 : 0;
    counts.held = record.verdict == policy::Verdict::Confirm ? 1 : 0;
  }
  if (record.usage.known) {
    counts.input_tokens = as_signed(record.usage.input_tokens);
    counts.output_tokens = as_signed(record.usage.output_tokens);
  }
  counts.cost_nano = as_signed(record.cost_nano.value_or(0));
  return counts;
}

std::unique_ptr<AuditExtra> extra_of(const audit::Record& record) {
  const auto objects = [](const policy::Decision& decision) {
    return !decision.shadow && decision.verdict != policy::Verdict::Allow;
  };
  const bool keeps = record.content != audit::ContentLevel::None && !record.texts.empty();
  if (!keeps && std::ranges::none_of(record.decisions, objects)) return nullptr;
  auto extra = std::make_unique<AuditExtra>();
  extra->review_id = record.review_id;
  for (const policy::Decision& decision : record.decisions) {
    if (extra->violations.size() == kViolationsMax) break;
    if (objects(decision)) extra->violations.push_back(violation_of(decision));
  }
  if (keeps) {
    extra->level = record.content;
    extra->texts = record.texts;
  }
  return extra;
}

std::uint32_t bytes_in(const AuditExtra& extra) {
  std::size_t bytes = sizeof extra + extra.violations.size() * (sizeof(ViolationRow) + 128);
  for (const audit::KeptText& text : extra.texts) bytes += sizeof text + text.text.size();
  bytes += extra.body.size();
  return static_cast<std::uint32_t>(
      std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

UsageCounts& UsageCounts::operator+=(const UsageCounts& other) {
  requests += other.requests;
  evaluations += other.evaluations;
  blocked += other.blocked;
  held += other.held;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  cost_nano += other.cost_nano;
  return *this;
}

AuditEntry::AuditEntry(const audit::Record& record, std::string line)
    : kind(record.kind),
      time_ms(record.started_wall_ms + record.duration_us / 1'000),
      bytes_(std::move(line)),
      line_size_(static_cast<std::uint32_t>(bytes_.size())) {
  const std::string_view tenant =
      record.tenant.empty() ? tenant::kDefaultTenant : std::string_view(record.tenant);
  const std::string_view caller = record.key_id.empty() ? record.user_id : record.key_id;
  append_parts({bounded(record.run_id, kNameBytesMax), bounded(tenant, kNameBytesMax),
                bounded(record.integration, kNameBytesMax), bounded(caller, kNameBytesMax),
                bounded(record.model, kNameBytesMax)});
  if (kind != audit::RecordKind::Exchange) return;
  counts = true;
  usage = usage_of(record);
  extra = extra_of(record);
  count_extra();
}

AuditEntry AuditEntry::plain(std::int64_t time_ms, std::string line) {
  AuditEntry entry;
  entry.kind = audit::RecordKind::Admin;
  entry.time_ms = time_ms;
  entry.bytes_ = std::move(line);
  entry.line_size_ = static_cast<std::uint32_t>(entry.bytes_.size());
  entry.append_parts({"", "default", "", "", ""});
  return entry;
}

void AuditEntry::count_extra() {
  if (extra) extra_bytes_ = bytes_in(*extra);
}

void AuditEntry::append_parts(const std::string_view (&parts)[kParts]) {
  for (std::size_t i = 0; i < kParts; ++i) {
    bytes_ += parts[i];
    bytes_ += '\0';
    part_sizes_[i] = static_cast<std::uint16_t>(parts[i].size());
  }
}

std::string_view AuditEntry::part(std::size_t i) const {
  std::size_t begin = line_size_;
  for (std::size_t before = 0; before < i; ++before) begin += part_sizes_[before] + 1U;
  return std::string_view(bytes_).substr(begin, part_sizes_[i]);
}

std::string_view AuditEntry::usage_key() const {
  return std::string_view(bytes_).substr(line_size_ + part_sizes_[0] + 1U);
}

void AuditEntry::mark_refused() {
  constexpr std::string_view kMark = R"(,"answered":"audit_unavailable"})";
  if (std::exchange(refused, true) || line_size_ == 0) return;
  bytes_.replace(line_size_ - 1, 1, kMark);
  line_size_ += static_cast<std::uint32_t>(kMark.size()) - 1;
}

}  // namespace capsem::store
