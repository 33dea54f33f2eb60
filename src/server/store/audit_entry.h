// A record on its way to the database: what the writer's thread needs of it, taken out on the
// exchange's thread. One allocation in the common case.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "core/base/error.h"

namespace capsem::store {

// R51. Ids are made when the row is written.
struct ViolationRow {
  std::string policy, rule, type, severity, message, field;
  std::string_view enforcement, phase;  // words of the program
};

// Of few records: of those that were objected to, and of tenants that want texts kept.
struct AuditExtra {
  std::string review_id;
  std::vector<ViolationRow> violations;
  // Texts become a body, sealed where there is a key, before they leave memory.
  audit::ContentLevel level = audit::ContentLevel::None;
  std::vector<audit::KeptText> texts;
  std::string body, key_id;
};

// What one record adds to its day (R48).
struct UsageCounts {
  std::int64_t requests = 0, evaluations = 0, blocked = 0, held = 0;
  std::int64_t input_tokens = 0, output_tokens = 0, cost_nano = 0;

  UsageCounts& operator+=(const UsageCounts& other);
};

class AuditEntry {
 public:
  AuditEntry() = default;
  // `line`: to_json_line(record).
  AuditEntry(const audit::Record& record, std::string line);
  // Of the audit itself.
  static AuditEntry plain(std::int64_t time_ms, std::string line);

  // Everything but who waits for it, as bytes for the spool. REQUIRES: no texts; they are a body.
  void append_to(std::string& out) const;
  // Errors: "damaged_spool".
  static Result<AuditEntry> read_from(std::string_view bytes);

  audit::RecordKind kind = audit::RecordKind::Exchange;
  std::int64_t time_ms = 0;       // when the exchange ended
  std::int64_t pushed_ns = 0;     // monotonic
  std::size_t charged_bytes = 0;  // to the queue's bound
  bool waited_for = false, refused = false;
  bool counts = false;  // `usage` is to be added
  UsageCounts usage;
  std::unique_ptr<AuditExtra> extra;
  audit::Sink::Written written;

  std::string_view line() const { return std::string_view(bytes_).substr(0, line_size_); }
  std::string_view run_id() const { return part(0); }
  // Who and what usage is counted under: tenant, integration, caller, model; each ended by a NUL.
  std::string_view usage_key() const;
  std::string_view tenant() const { return part(1); }
  std::string_view integration() const { return part(2); }
  std::string_view caller() const { return part(3); }
  std::string_view model() const { return part(4); }

  // Of memory.
  std::size_t size() const { return sizeof *this + bytes_.capacity() + extra_bytes_; }

  // The record did not get what it tells of: its caller was told 503. Says so in its line, once.
  void mark_refused();

 private:
  static constexpr std::size_t kParts = 5;
  std::string_view part(std::size_t i) const;
  void append_parts(const std::string_view (&parts)[kParts]);
  void count_extra();

  std::string bytes_;  // the line, then the parts
  std::uint32_t line_size_ = 0;
  std::uint32_t extra_bytes_ = 0;
  std::uint16_t part_sizes_[kParts] = {};
};

}  // namespace capsem::store
