// An entry as bytes and back: one field after another, each with its length before it.
#include <array>
#include <charconv>
#include <cstring>
#include <limits>

#include "server/store/audit_entry.h"

namespace capsem::store {
namespace {

constexpr std::size_t kViolationsMax = 4'096;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void number(std::int64_t value) {
    auto bits = static_cast<std::uint64_t>(value);
    for (int i = 0; i < 8; ++i, bits >>= 8) out_ += static_cast<char>(bits & 255);
  }
  void text(std::string_view value) {
    number(static_cast<std::int64_t>(value.size()));
    out_ += value;
  }

 private:
  std::string& out_;
};

// After a read that goes past the end everything reads as nothing, and ok() is false.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::int64_t number() {
    if (bytes_.size() < 8) return fail();
    std::uint64_t bits = 0;
    for (std::size_t i = 8; i-- > 0;) bits = bits << 8 | static_cast<unsigned char>(bytes_[i]);
    bytes_.remove_prefix(8);
    return static_cast<std::int64_t>(bits);
  }
  std::string_view text() {
    const std::int64_t size = number();
    if (size < 0 || static_cast<std::uint64_t>(size) > bytes_.size()) {
      fail();
      return {};
    }
    const std::string_view value = bytes_.substr(0, static_cast<std::size_t>(size));
    bytes_.remove_prefix(value.size());
    return value;
  }
  bool ok() const { return ok_; }
  bool done() const { return ok_ && bytes_.empty(); }

 private:
  std::int64_t fail() {
    ok_ = false;
    bytes_ = {};
    return 0;
  }
  std::string_view bytes_;
  bool ok_ = true;
};

// Words of the program, so that what is read in points to them again.
constexpr std::array<std::string_view, 7> kWords = {
    "BLOCK", "APPROVAL_REQUIRED", "REDACT", "WARN", "MONITOR_ONLY", "input", "output"};
std::string_view word(std::string_view text) {
  for (const std::string_view known : kWords) {
    if (known == text) return known;
  }
  return {};
}

void write_violation(Writer& out, const ViolationRow& row) {
  for (const std::string_view text :
       {std::string_view(row.policy), std::string_view(row.rule), std::string_view(row.type),
        std::string_view(row.severity), std::string_view(row.message), std::string_view(row.field),
        row.enforcement, row.phase}) {
    out.text(text);
  }
}

ViolationRow read_violation(Reader& in) {
  ViolationRow row;
  for (std::string* text :
       {&row.policy, &row.rule, &row.type, &row.severity, &row.message, &row.field}) {
    *text = in.text();
  }
  row.enforcement = word(in.text());
  row.phase = word(in.text());
  return row;
}

void write_extra(Writer& out, const AuditExtra& extra) {
  out.text(extra.review_id);
  out.number(static_cast<std::int64_t>(extra.violations.size()));
  for (const ViolationRow& row : extra.violations) write_violation(out, row);
  out.number(static_cast<std::int64_t>(extra.level));
  out.text(extra.body);
  out.text(extra.key_id);
}

std::unique_ptr<AuditExtra> read_extra(Reader& in) {
  auto extra = std::make_unique<AuditExtra>();
  extra->review_id = in.text();
  const std::int64_t violations = in.number();
  for (std::int64_t i = 0; i < violations && in.ok(); ++i) {
    if (extra->violations.size() == kViolationsMax) return nullptr;
    extra->violations.push_back(read_violation(in));
  }
  const std::int64_t level = in.number();
  if (level < 0 || level > static_cast<std::int64_t>(audit::ContentLevel::Full)) return nullptr;
  extra->level = static_cast<audit::ContentLevel>(level);
  extra->body = in.text();
  extra->key_id = in.text();
  return extra;
}

std::unexpected<Error> damaged() {
  return gateway_error("damaged_spool", "A record in the audit's spool cannot be read");
}

}  // namespace

void AuditEntry::append_to(std::string& out) const {
  Writer writer(out);
  writer.number(static_cast<std::int64_t>(kind));
  writer.number(time_ms);
  writer.text(line());
  for (std::size_t i = 0; i < kParts; ++i) writer.text(part(i));
  writer.number(counts ? 1 : 0);
  for (const std::int64_t count : {usage.requests, usage.evaluations, usage.blocked, usage.held,
                                   usage.input_tokens, usage.output_tokens, usage.cost_nano}) {
    writer.number(count);
  }
  writer.number(extra ? 1 : 0);
  if (extra) write_extra(writer, *extra);
}

Result<AuditEntry> AuditEntry::read_from(std::string_view bytes) {
  Reader in(bytes);
  AuditEntry entry;
  const std::int64_t kind = in.number();
  if (kind < 0 || kind > static_cast<std::int64_t>(audit::RecordKind::Admin)) return damaged();
  entry.kind = static_cast<audit::RecordKind>(kind);
  entry.time_ms = in.number();
  entry.bytes_ = in.text();
  entry.line_size_ = static_cast<std::uint32_t>(entry.bytes_.size());
  std::string_view parts[kParts];
  for (std::string_view& part : parts) {
    part = in.text();
    if (part.size() > std::numeric_limits<std::uint16_t>::max()) return damaged();
  }
  entry.append_parts(parts);
  entry.counts = in.number() != 0;
  for (std::int64_t* count :
       {&entry.usage.requests, &entry.usage.evaluations, &entry.usage.blocked, &entry.usage.held,
        &entry.usage.input_tokens, &entry.usage.output_tokens, &entry.usage.cost_nano}) {
    *count = in.number();
  }
  if (in.number() != 0) {
    entry.extra = read_extra(in);
    if (!entry.extra) return damaged();
    entry.count_extra();
  }
  if (!in.done()) return damaged();
  return entry;
}

}  // namespace capsem::store
