#include "core/engine/stream_rewriter.h"

#include <algorithm>
#include <utility>

namespace capsem::engine {
namespace {

// A patch may reach into the piece.
bool reaches(const PatchList& patches, std::uint64_t begin, std::uint64_t end) {
  for (std::size_t i = 0; i < patches.size() && patches[i].begin < end; ++i) {
    if (patches[i].end > begin || patches[i].tail != detect::Tail::None) return true;
  }
  return false;
}

}  // namespace

void StreamRewriter::note(const event::Text& text, const StreamLanes::Fed& fed) {
  const bool nowhere = fed.place == StreamLanes::kNone && fed.loose == StreamLanes::kNone;
  if (nowhere || text.form == event::Form::Derived) return;
  event_.pieces.push_back({.place = fed.place,
                           .loose = fed.loose,
                           .begin = fed.begin,
                           .end = fed.loose == StreamLanes::kNone ? fed.end : text.text.size(),
                           .scope = text.scope,
                           .raw = text.raw,
                           .coding = coding_of(text),
                           .spelled = text.form == event::Form::Spelled,
                           .whole = text.repeats_lane != 0});
}

void StreamRewriter::note_logprobs(const wire::JsonReader& json) {
  if (!event_.pieces.empty()) event_.logprobs = logprobs_of(json);
}

void StreamRewriter::end_event(std::string_view raw, std::string_view data, event::ByteRange cut) {
  event_.loose = lanes_.take_loose();
  event_.cut = cut;
  if (event_.pieces.empty() && cut.begin == cut.end) return;
  const std::size_t at = raw.find(data);
  if (at == std::string_view::npos) {
    event_.data = data;
  } else {
    event_.data_at = at;
    event_.data_size = data.size();
  }
}

void StreamRewriter::write_kept(std::string_view raw, std::string& out) {
  write_event(kept_.front(), raw, out);
  kept_.pop_front();
}

void StreamRewriter::write_event(Event& event, std::string_view raw, std::string& out) {
  const std::string_view json =
      event.data ? std::string_view(*event.data) : raw.substr(event.data_at, event.data_size);
  edits_.clear();
  names_.clear();
  for (const Piece& piece : event.pieces) write_piece(event, piece, json);
  drop_logprobs(event, json);
  if (event.cut.begin != event.cut.end) {
    edits_.push_back({event.cut.begin, event.cut.end - event.cut.begin, {}});
  }
  if (edits_.empty()) {
    out += raw;
  } else if (event.data) {
    std::string data;
    apply_edits(json, edits_, data);
    write_lines(raw, data, out);
  } else {
    out += raw.substr(0, event.data_at);
    apply_edits(json, edits_, out);
    out += raw.substr(event.data_at + event.data_size);
  }
}

const PatchList& StreamRewriter::patches_of(const Event& event, const Piece& piece) const {
  return piece.place == StreamLanes::kNone ? event.loose[piece.loose] : lanes_.patches(piece.place);
}

void StreamRewriter::write_piece(const Event& event, const Piece& piece, std::string_view json) {
  const auto inside = [&piece](event::ByteRange range) { return within(piece, range); };
  if (piece.spelled || std::ranges::any_of(event.logprobs, inside)) return;
  const PatchList& patches = patches_of(event, piece);
  const bool stateless = piece.coding != Coding::JsonText && piece.coding != Coding::Slice;
  const bool of_lane = piece.place != StreamLanes::kNone && !piece.whole;
  if (of_lane) lanes_.note_written(piece.place, piece.end);
  if (patches.empty() && (stateless || !of_lane)) return;
  std::optional<LaneWriter> own;
  std::optional<LaneWriter>& writer = of_lane ? lanes_.writer(piece.place) : own;
  if (!writer) writer.emplace(piece.coding, of_lane ? piece.begin : 0);
  const event::ByteRange range = written_range(json, piece.raw, piece.coding);
  std::string text;
  if (!writer->write(json.substr(range.begin, range.end - range.begin), patches, names_, text)) {
    return;
  }
  patched_scopes_.insert(piece.scope);
  edits_.push_back({range.begin, range.end - range.begin, std::move(text)});
}

// From the first patched event of a choice on, and wherever they spell what is patched.
void StreamRewriter::drop_logprobs(const Event& event, std::string_view json) {
  for (const event::ByteRange& range : event.logprobs) {
    const bool drop = std::ranges::any_of(event.pieces, [&](const Piece& piece) {
      return within(piece, range) && (patched_scopes_.contains(piece.scope) ||
                                      reaches(patches_of(event, piece), piece.begin, piece.end));
    });
    if (drop) edits_.push_back(without_logprobs(json, range));
  }
}

// The event's lines with `data` in the place of theirs.
void StreamRewriter::write_lines(std::string_view raw, std::string_view data,
                                 std::string& out) const {
  bool written = framing_ != codec::Framing::Sse;
  while (!raw.empty()) {
    std::size_t end = raw.find_first_of("\r\n");
    if (end == std::string_view::npos) end = raw.size();
    const std::string_view line = raw.substr(0, end);
    if (raw.substr(end).starts_with("\r\n")) ++end;
    if (end < raw.size()) ++end;
    if (!line.starts_with("data")) {
      out += raw.substr(0, end);
    } else if (!written) {
      written = true;
      for (std::size_t at = 0; at <= data.size();) {
        const std::size_t stop = std::min(data.find('\n', at), data.size());
        out.append("data: ").append(data.substr(at, stop - at)).append("\n");
        at = stop + 1;
      }
    }
    raw.remove_prefix(end);
  }
}

}  // namespace capsem::engine
