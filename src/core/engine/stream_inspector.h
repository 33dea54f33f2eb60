// A streamed answer on its way through: events in, events that may leave out, byte for byte, until
// a policy forbids what comes next. One per stream; not thread-safe.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/codec/stream_position.h"
#include "core/engine/call_gates.h"
#include "core/engine/exchange.h"
#include "core/engine/hold_queue.h"
#include "core/engine/ledger.h"
#include "core/engine/stream_lanes.h"
#include "core/engine/stream_rewriter.h"
#include "core/engine/units.h"
#include "core/engine/workspace.h"
#include "core/wire/json_array.h"
#include "core/wire/sse.h"

namespace capsem::engine {

class StreamInspector final : wire::SseSink, wire::JsonArraySink, event::TextSink {
 public:
  // All references outlive the inspector; `facts` and `ledger` are filled in.
  struct Context {
    const codec::Codec& codec;
    policy::Hearing& hearing;
    const EngineSettings& settings;
    Workspace& workspace;
    detect::CatalogScratch& scratch;
    UnitBook& units;
    InspectionLedger& ledger;
    event::ResponseFacts& facts;
    limit::Holding& holding;    // of limits; may hold nothing
    std::uint64_t input_bytes;  // of the request, for estimates
    Redactor* redactor;         // nullptr: nothing is rewritten
    std::uint64_t value_key;    // of the digests of values
    bool hides_usage;           // usage was asked for on the client's behalf (R64)
  };
  StreamInspector(const Context& context, codec::Framing framing);

  // Appends what may leave to `out`. False: a policy has settled the stream (settled() says how) or
  // something failed (error()); no further call is legal then but write_end().
  bool feed(std::string_view bytes, std::string& out);
  bool finish(std::string& out);

  // After finish(): an answer that was kept whole until it was judged may leave now.
  void release_rest(std::string& out);

  // What is decided and has not left: after finish(), all of an answer that was kept whole.
  std::string_view ready() const { return ready_; }

  // What the units keep for the record is redacted: what has left as it left, and the rest as it
  // would have. After the last feed(). False: it is not known what has to be.
  bool redact_kept_texts();

  // In place of a refused tool call: `text` and the frames that end the stream normally (R84).
  // False: the dialect cannot; nothing was written.
  bool write_replacement(std::string_view text, std::string& out);

  // The error frame of this stream's dialect, continuing what has left so far.
  void write_end(std::string_view message, std::string_view code, std::string& out) const;

  // Detectors that failed and were gone on without.
  detect::DetectorMask failed_detectors() const { return lanes_.failed(); }

  // A budget was used up in the middle of the answer: why it was stopped.
  const limit::Refusal* over_budget() const { return over_budget_ ? &*over_budget_ : nullptr; }
  // Text that the model has said so far, whatever of it has left.
  std::uint64_t output_bytes() const { return output_bytes_; }

  // Bytes have been given out: it is too late for a plain refusal.
  bool any_left() const { return any_left_; }
  std::size_t held_bytes() const { return queue_.bytes() + ready_.size(); }
  // Set when feed() or finish() returned false without a decision.
  const Error* error() const { return failed_ ? &error_ : nullptr; }

 private:
  Status on_event(const wire::SseEvent& event) override;
  Status on_element(const wire::JsonElement& element) override;
  void on_text(const event::Text& text) override;
  void on_call_mention(const event::Text& text) override;
  void on_scope_end(std::uint64_t scope) override;
  void on_unchecked(std::string_view surface, std::string_view reason) override;

  void wait_for_call(const event::Text& text, std::uint32_t unit);
  Status finish_framing();
  Status read(std::string_view name, std::string_view data);
  Status read_outside_data(const wire::SseEvent& event);
  Status settle_event(std::string_view raw, std::string_view data);
  void let_go(std::string_view raw, std::string_view data);
  void track_released(std::size_t events);
  void check_budget();
  std::string_view without_usage(std::string_view raw, std::string_view data);
  bool blocked_by_news();
  void redact(const StreamLanes::News& news, bool forbidden);
  bool cleared(const HoldQueue::Need& need) const;
  void release();
  Status check_held() const;
  // The whole answer is judged before its first byte leaves.
  bool holds_all() const {
    return context_.settings.stream_mode == StreamMode::Buffer ||
           context_.hearing.needs_whole_answer();
  }
  // A person may release what a Confirm holds back, if the answer is there as a whole: it is read
  // to its end, and judged then.
  bool confirm_can_wait() const {
    return context_.settings.confirm_allows || (holds_all() && !context_.hearing.replaces_calls());
  }
  bool hand_out(const Status& status, std::string& out);

  const Context context_;
  const codec::Framing framing_;
  wire::SseParser sse_;
  wire::JsonArraySplitter array_;
  StreamLanes lanes_;
  std::optional<StreamRewriter> rewriter_;
  CallGates gates_;
  HoldQueue queue_;
  std::vector<HoldQueue::Need> needs_;  // of the event being read
  Status text_status_{};                // first failure while a codec was giving texts
  std::string ready_;  // decided; leaves with this feed(), or, in buffer mode, last
  // What has left, for a replacement, and the data of events that are held.
  codec::StreamPosition position_;
  std::deque<std::string> held_data_;
  codec::UsageTrace usage_trace_;
  std::string edited_;  // an event without what was asked for on the client's behalf
  std::optional<limit::Refusal> over_budget_;
  std::uint64_t output_bytes_ = 0, watched_tokens_ = 0, told_tokens_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t released_events_ = 0;
  std::uint64_t data_events_ = 0;
  bool any_left_ = false;
  bool blocked_ = false;
  bool failed_ = false;
  Error error_;
};

}  // namespace capsem::engine
