// One request and its answer as one state machine without I/O. Bytes go in, in any pieces; it says
// what may leave. It owns no socket, reads no clock and takes no lock: one exchange belongs to one
// event loop.
//
// Order of calls:
//   on_request_bytes()*  on_request_end()            -> Continue (forward), Deny or Wait
//   on_answer_head()  on_answer_bytes()*  on_answer_end()
//   take_record()
//
// Wait: limits are shared and their store has been asked (limit::DeferredStore), or a judge service
// has (policy::JudgeDesk). When the store or the desk says that it is ready, the call that returned
// Wait (on_request_end() or on_answer_end(), no other) is made once more, and goes on where it
// stopped. It may be made too early: then it says Wait again. The exchange may end meanwhile.
//
// A Deny with wants_approval() is not the last word: grant() makes it undone (R43, X3).
//
// Invariants:
//   (1) No byte of an inspected text leaves before every detector of its point has decided on it.
//   (2) The verdict does not depend on how the bytes were cut, nor on streaming.
//   (3) A detector that fails, a JSON text that cannot be read, a limit that is passed: Deny or
//   Cut. (4) Memory: the request body, plus one answer body or at most held_bytes_max of a stream.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/audit/record.h"
#include "core/base/clock.h"
#include "core/codec/codec.h"
#include "core/engine/units.h"
#include "core/engine/workspace.h"
#include "core/limit/ledger.h"
#include "core/policy/judge_desk.h"
#include "core/policy/pins.h"
#include "core/policy/snapshot.h"
#include "core/policy/subject.h"

namespace capsem::engine {

struct EngineLimits {
  std::uint32_t request_bytes_max = 32u << 20;  // more: 413 body_too_large
  std::uint32_t answer_bytes_max = 32u << 20;   // unstreamed answer; more: 502 answer_too_large
  std::uint64_t stream_bytes_max = 64u << 20;   // more: limit_stream_total
  std::uint32_t event_bytes_max = 1u << 20;     // one SSE event; more: event_too_large
  std::uint32_t held_bytes_max = 256u << 10;    // undecided stream bytes; more: hold_too_large
  std::uint32_t messages_max = 10'000, tools_max = 1'024, choices_max = 16;  // more: 400
};

enum class StreamMode : std::uint8_t {
  Inspect,  // text leaves as soon as it is decided
  Buffer,   // the whole answer is judged before its first byte leaves, and still leaves as a stream
};

struct EngineSettings {
  EngineLimits limits;
  StreamMode stream_mode = StreamMode::Inspect;
  bool allow_token_arrays = false;  // prompts as token ids cannot be read: refused by default
  bool confirm_allows = false;      // X7: the original's behaviour
};

// What the route table knows of the route.
struct RouteProfile {
  codec::Dialect dialect = codec::Dialect::OpenAiChat;
  bool stream_by_path = false;  // :streamGenerateContent; elsewhere the body says it
  // R20: how a blocked tool definition is introduced on this route.
  std::string_view tool_prefix = "Request blocked by security policy: ";
  // Only who asks for which model is judged; no text is looked at, and it counts as no run (R35).
  bool unread = false;
};

// What exchanges share beyond their loop. Null: there is none, and what needs it says nothing
// (pins), never passes (deadlines), or admits everybody (limits). All outlive the exchange.
struct Services {
  const Clock* clock = nullptr;
  policy::PinStore* pins = nullptr;
  // Needs the clock, too. Shared by all exchanges, or this exchange's own limit::DeferredStore.
  limit::CounterStore* counters = nullptr;
  // Of the hashes that stand for redacted values: the same secret and tenant, the same hashes.
  // Empty: those of another loop differ.
  std::string_view redaction_secret{}, redaction_tenant{};
  // This exchange's own. Without it judge services count as failed.
  policy::JudgeDesk* judges = nullptr;
};

// Why nothing (more) may leave, for the edge to render.
struct Denial {
  int status = 403;     // 429 for limits (X8)
  std::string message;  // what an error object says
  std::string type;     // "policy_violation", "invalid_request_error", "server_error"
  std::string code;     // "request_blocked", "inspection_failed", ...
  // What {"detail"} says where that differs: with prefix and code (R56). Empty: the message.
  std::string detail{};
  std::string reason_code{};  // "RULE_MATCH", "NO_RULE_MATCH" (R73); empty: none
  std::string fields{};       // further header lines, each ended: "retry-after: 30\r\n"
};

enum class Answer : std::uint8_t {
  Body,       // one JSON text
  Sse,        // text/event-stream
  JsonArray,  // Gemini's array form
  Opaque,     // nothing a codec can read; relayed only if no policy looks at answers
};

enum class Step : std::uint8_t {
  Continue,  // bytes appended to `out`, if any, may leave
  Deny,      // nothing has left and nothing may: answer with denial(), stop reading the provider
  Cut,       // `out` ends with the frame that makes SDKs raise: send it, end, stop the provider
  Done,      // the answer is complete and may leave to its end (on_answer_end and grant only)
  Wait,      // not decided yet: make the same call again when the shared limits are ready; bytes
             // appended to `out` may leave
};

class Exchange {
 public:
  // `settings` and `workspace` outlive the exchange, and so does what `subject` views. The model is
  // the subject's where its path names it, otherwise the body's. `explain`: the record shall say
  // what rules considered.
  Exchange(const RouteProfile& route, std::shared_ptr<const policy::Snapshot> snapshot,
           const EngineSettings& settings, Workspace& workspace,
           const policy::Subject& subject = {}, const Services& services = {},
           bool explain = false);
  ~Exchange();
  Exchange(Exchange&&) noexcept;

  // A declared Content-Length lets the buffer be reserved once; over the limit it is a Deny.
  Step expect_request(std::uint64_t content_length);
  Step on_request_bytes(std::string_view bytes);
  Step on_request_end();  // Continue: forward request_body()
  std::string_view request_body() const;
  const event::RequestFacts& facts() const;
  bool wants_stream() const;  // by path or by body

  // Before on_request_end(), or before skip_request(): decoded texts are kept for the record and
  // for kept_texts(), `bytes_max` of request and answer together; what is more is cut off.
  void keep_texts(std::size_t bytes_max);

  // For routes whose request has no body to inspect (GET /v1/responses/{id}).
  void skip_request();

  // `ok`: a 2xx status. Error bodies are inspected like answers: they may quote the prompt.
  Step on_answer_head(Answer kind, bool ok);
  // The provider was not reached: tokens and money that were reserved are given back.
  void nothing_was_served();
  // True when no policy looks at answers and no limit counts what they use: the caller relays every
  // byte itself, as it comes, and calls neither of the two functions below.
  bool relays_answer() const;
  Step on_answer_bytes(std::string_view bytes, std::string& out);
  Step on_answer_end(std::string& out);

  // ---- Approval ----

  // After a Deny: what settled it was a Confirm, and a person may release it. What the request took
  // of its limits stays taken until grant(), take_record() or the exchange's end, so that a limit
  // cannot refuse what has just been approved (approvals are used once).
  bool wants_approval() const;
  // REQUIRES: wants_approval(). Releases the Confirm decisions of this phase: they stay in the
  // record, granted. Of a request: Continue, as of on_request_end(). Of an answer that was withheld
  // as a whole: Done, `out` has it; of one that was stopped before its end: Deny, as there is
  // nothing to give (see release_rules). Deny, too, when something else forbids it.
  Step grant(std::string& out);
  // For the approved retry of a request whose answer was held: Confirm decisions of these rules
  // about the answer are granted as they are made. Before on_answer_head().
  void release_rules(std::vector<ReleasedRule> rules);
  // What an approval is bound to (R50): the request's JSON as it came, in a canonical form without
  // its members that begin with "stream"; a digest of that, where something is redacted in it.
  // REQUIRES: on_request_end() has read it.
  std::string request_digest_text() const;
  // After a Deny with wants_approval() about an answer that came whole: all of it, as it would have
  // left. Empty: it did not come whole. Valid until grant().
  std::string_view withheld_answer() const;
  // What is kept so far (keep_texts()), redacted as the policies say: of a text that was not
  // inspected to its end nothing, where something might have to be redacted in it.
  std::vector<audit::KeptText> kept_texts() const;
  // Some enforced decision at Log or above was made, from the `from`th on (decisions().size()
  // earlier): what has to be on record before things go on (promise 3).
  bool warns(std::size_t from = 0) const;

  const Denial& denial() const;
  // The caller's limits as they stand, for the fields of its answer; empty where none apply.
  limit::Standing standing() const;
  // What was decided so far, what rules considered (with `explain`), what was not looked at.
  std::span<const policy::Decision> decisions() const;
  const policy::Trace& trace() const;
  std::span<const audit::NotChecked> not_checked() const;
  policy::Verdict verdict() const;  // Allow until something is decided
  const policy::Snapshot& snapshot() const;
  // The frame of a Cut for a fault that the edge found (a stall, a drain), so that clients of every
  // dialect see it as an error. Only after streamed bytes have left.
  void write_fault_frame(std::string_view message, std::string_view code, std::string& out);

  // Bytes of a stream that are held back right now.
  std::size_t held_bytes() const;

  // The engine's part of the audit record. Call once, last.
  audit::Record take_record();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::engine
