// Rewrites the events of a stream as they leave: what was redacted in them, and the placeholders
// that become their values again. One per stream whose events may have to be rewritten.
//
// Each text of an event is noted when it is read; by the time the event leaves, all that has to
// stand in the place of something in it is known. An event of which nothing changes leaves byte for
// byte.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/engine/json_edits.h"
#include "core/engine/lane_writer.h"
#include "core/engine/stream_lanes.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::engine {

class StreamRewriter {
 public:
  StreamRewriter(StreamLanes& lanes, codec::Framing framing) : lanes_(lanes), framing_(framing) {}

  // ---- While an event is read ----

  void begin_event() { event_ = {}; }
  void note(const event::Text& text, const StreamLanes::Fed& fed);
  // All of its texts have been noted; `json` still holds its data.
  void note_logprobs(const wire::JsonReader& json);
  // The event is complete. `cut`: what of its data leaves out in any case.
  void end_event(std::string_view raw, std::string_view data, event::ByteRange cut);

  // ---- When it leaves ----

  // Appends the event that was read last. Or else keep() it, and write_kept() it when its turn
  // comes; events are written in the order they were read.
  void write(std::string_view raw, std::string& out) { write_event(event_, raw, out); }
  void keep() { kept_.push_back(std::move(event_)); }
  void write_kept(std::string_view raw, std::string& out);

 private:
  struct Piece {
    std::uint32_t place = 0, loose = 0;  // StreamLanes::Fed
    std::uint64_t begin = 0, end = 0;    // in the lane
    std::uint64_t scope = 0;
    event::ByteRange raw;
    Coding coding = Coding::Text;
    bool spelled = false, whole = false;  // `whole`: a repeat of the whole lane
  };
  struct Event {
    std::vector<Piece> pieces;
    std::vector<PatchList> loose;
    std::vector<event::ByteRange> logprobs;
    event::ByteRange cut;
    std::size_t data_at = 0, data_size = 0;  // in the event's bytes
    std::optional<std::string> data;         // which hold it on several lines
  };

  void write_event(Event& event, std::string_view raw, std::string& out);
  void write_piece(const Event& event, const Piece& piece, std::string_view json);
  void drop_logprobs(const Event& event, std::string_view json);
  void write_lines(std::string_view raw, std::string_view data, std::string& out) const;
  const PatchList& patches_of(const Event& event, const Piece& piece) const;
  static bool within(const Piece& piece, event::ByteRange range) {
    return piece.raw.begin >= range.begin && piece.raw.end <= range.end;
  }

  StreamLanes& lanes_;
  const codec::Framing framing_;
  Event event_;
  std::deque<Event> kept_;
  std::set<std::uint64_t> patched_scopes_;
  // Of the event that is written.
  std::vector<codec::BodyEdit> edits_;
  NameCounts names_;
};

}  // namespace capsem::engine
