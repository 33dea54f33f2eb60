// One exchange, as the audit tells it: what was decided, by which rule of which revision, what was
// inspected and what was not. No content: kinds, counts, offsets and names only.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/event/event.h"
#include "core/policy/decision.h"
#include "core/policy/explain.h"

namespace capsem::audit {

struct NotChecked {
  std::string surface;  // "messages[2].content[1]"
  std::string reason;   // "image"
};

struct PointCount {
  std::uint64_t texts = 0, bytes = 0;
};

struct Record {
  // Filled in by the engine.
  std::string dialect, model;
  bool stream = false;
  std::string revision;
  policy::Verdict verdict = policy::Verdict::Allow;
  std::vector<policy::Decision> decisions;  // every decision that was not a plain Allow
  policy::Trace trace;                      // what rules considered; only when it was asked for
  std::string decided_by;                   // "PIIDetection/EMAIL_ADDRESS"; empty when allowed
  std::string error_code;                   // "inspection_failed", "invalid_json", ...; or empty
  std::array<PointCount, event::kPointCount> inspected{};
  bool request_inspected = false;
  bool answer_inspected = false;  // true only when detectors looked at all of its points
  std::vector<NotChecked> not_checked;
  bool replaced = false;  // a refused tool call was replaced by a text (R84)
  event::Usage usage;
  std::string finish_reason;

  // Filled in by the server.
  std::string request_id, user_id, method, path, provider, agent;
  std::string run_id;  // of this judgement, as refusals tell it (R42)
  // R53: what callers of the check API want found again; never matched. Metadata: a JSON text.
  std::string correlation_id, session_id, target_key, target_metadata;
  int status = 0;           // what the client got
  int upstream_status = 0;  // 0: the provider was not contacted
  std::string outcome;      // "complete", "blocked", "cut", "client_gone", "upstream_error", ...
  std::uint64_t request_bytes = 0, response_bytes = 0;
  std::int64_t started_wall_ms = 0;
  std::int64_t duration_us = 0, upstream_us = 0, inspection_us = 0, first_byte_us = 0;
};

// The audit seam. Called once per exchange, on the exchange's loop; must not block.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void write(const Record& record) = 0;
};

// One JSON object on one line, control bytes escaped (T36), without the line end.
std::string to_json_line(const Record& record);

}  // namespace capsem::audit
