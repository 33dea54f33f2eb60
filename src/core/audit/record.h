// One exchange, as the audit tells it: what was decided, by which rule of which revision, what was
// inspected and what was not. No content: kinds, counts, offsets and names only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
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

// One text of the exchange, decoded, as inspection saw it; only where its tenant wants content
// kept.
struct KeptText {
  event::Point point = event::Point::Prompt;
  event::Phase phase = event::Phase::Request;
  std::string tool;  // of tool calls and results
  std::string text;
};

// How much of an exchange's texts its tenant wants kept (T35): nothing; keyed digests, which tell
// that two texts are the same; the texts with personal data masked; the texts.
enum class ContentLevel : std::uint8_t { None, Hash, Redacted, Full };

// What a record tells of. Opening: an exchange is about to go on to its provider; its Exchange
// record follows, unless the process dies before. Admin: something an administrator did.
enum class RecordKind : std::uint8_t { Exchange, Opening, Admin };
std::string_view to_string(RecordKind kind);  // "exchange", "opening", "admin"

struct Record {
  RecordKind kind = RecordKind::Exchange;

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
  // What `usage` costs by the policies' prices, in billionths of the currency; nothing: no price.
  std::optional<std::uint64_t> cost_nano;
  std::string finish_reason;

  // Filled in by the server.
  std::string request_id, user_id, method, path, provider, agent;
  // Who called through an integration (R36); on root routes the tenant is "default", the others
  // empty.
  std::string tenant, integration, key_id;
  std::string review_id;        // the review that holds it back, or released it
  bool evaluated = false;       // counts as a run: its texts were asked of the policies (R35, R48)
  std::vector<KeptText> texts;  // see Exchange's keep_texts; never part of the line
  ContentLevel content = ContentLevel::None;  // what may become of `texts`
  std::string run_id;           // of this judgement, as refusals tell it (R42)
  // R53: what callers of the check API want found again; never matched. Metadata: a JSON text.
  std::string correlation_id, session_id, target_key, target_metadata;
  int status = 0;           // what the client got
  int upstream_status = 0;  // 0: the provider was not contacted
  std::string outcome;      // "complete", "blocked", "cut", "client_gone", "upstream_error", ...
  std::uint64_t request_bytes = 0, response_bytes = 0;
  std::int64_t started_wall_ms = 0;
  std::int64_t duration_us = 0, upstream_us = 0, inspection_us = 0, first_byte_us = 0;
};

// The audit seam. Called on the exchange's loop; must not block.
class Sink {
 public:
  // Called once, on any thread: the record is as safe as this sink can make it, or cannot be kept.
  using Written = std::function<void(bool kept)>;

  virtual ~Sink() = default;
  // `written`: somebody waits for it (promise 3). Without one the record is kept soon.
  virtual void write(const Record& record, Written written) = 0;
  void write(const Record& record) { write(record, Written()); }

  // False: nothing can be recorded, so that nothing may happen; new exchanges are refused with 503
  // audit_unavailable. Asked for each request: an atomic load.
  virtual bool available() const { return true; }
};

// One JSON object on one line, control bytes escaped (T36), without the line end.
std::string to_json_line(const Record& record);

}  // namespace capsem::audit
