#include "core/engine/body_rewriter.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "core/engine/json_edits.h"
#include "core/engine/lane_writer.h"

namespace capsem::engine {
namespace {

// Findings that overlap, as one.
struct Region {
  const BodyBuffers::Found* first = nullptr;
  std::uint64_t begin = 0, end = 0;  // of the lane, with what goes on beyond a finding's end
  bool in_conversation = false;
  std::size_t piece = 0;  // where it begins
  std::string text{};     // what is put in its place
};

struct LaneEdit {
  std::vector<const BodyBuffers::Found*> found;
  std::vector<std::size_t> pieces;  // of BodyBuffers::pieces
  PatchList patches;
};

std::string_view lane_text(const BodyBuffers& buffers, const BodyBuffers::Found& found,
                           std::uint64_t begin, std::uint64_t end) {
  const std::string_view batch = buffers.batches[found.batch].text;
  return batch.substr(found.lane_begin + begin, end - begin);
}

class Rewriting {
 public:
  Rewriting(const BodyBuffers& buffers, const wire::JsonReader& json, event::Phase phase,
            Redactor& redactor)
      : buffers_(buffers), json_(json), phase_(phase), redactor_(redactor) {}

  RewrittenBody run() {
    for (const BodyBuffers::Found& found : buffers_.found) {
      if (!found.fixed) lanes_[found.lane].found.push_back(&found);
    }
    for (std::size_t i = 0; i < buffers_.pieces.size(); ++i) {
      const auto lane = lanes_.find(buffers_.pieces[i].lane);
      if (lane != lanes_.end()) lane->second.pieces.push_back(i);
    }
    for (auto& [index, lane] : lanes_) unite(lane);
    patch();
    RewrittenBody body{.edits = {}, .redactions = redactions_of_plain(buffers_, redactor_)};
    drop_logprobs(body.edits);
    for (auto& [index, lane] : lanes_) write(lane, body.edits);
    for (const Region& region : regions_) {
      if (!region.first->order) continue;
      body.redactions[region.first->lane].add(
          {.begin = region.begin, .end = region.end, .text = region.text});
    }
    return body;
  }

 private:
  std::string_view text_of(const BodyBuffers::Found& found, std::uint64_t begin,
                           std::uint64_t end) const {
    return lane_text(buffers_, found, begin, end);
  }

  std::uint64_t end_of(const BodyBuffers::Found& found) const {
    TailFollower tail(found.tail);
    std::uint64_t end = found.end;
    const std::uint64_t size = found.lane_end - found.lane_begin;
    while (end < size && tail.takes(text_of(found, end, end + 1))) ++end;
    return end;
  }

  void unite(LaneEdit& lane) {
    if (lane.pieces.empty()) return;  // a placeholder in what is not written as it is read
    std::ranges::sort(lane.found, [](const auto* a, const auto* b) {
      return std::tie(a->begin, b->end, b->score, a->rule) <
             std::tie(b->begin, a->end, a->score, b->rule);
    });
    std::size_t piece = 0;
    bool fresh = true;
    for (const BodyBuffers::Found* found : lane.found) {
      const std::uint64_t end = end_of(*found);
      if (!fresh && found->begin < regions_.back().end) {
        regions_.back().end = std::max(regions_.back().end, end);
        continue;
      }
      fresh = false;
      while (piece + 1 < lane.pieces.size() &&
             buffers_.pieces[lane.pieces[piece + 1]].begin <= found->begin) {
        ++piece;
      }
      const std::size_t at = lane.pieces.at(piece);
      regions_.push_back({.first = found,
                          .begin = found->begin,
                          .end = end,
                          .in_conversation = buffers_.pieces[at].message != event::kNoMessage,
                          .piece = at});
    }
  }

  // What stands outside the conversation is named first, and the conversation in its order: so the
  // next request, which carries this one as its history, gives the same names.
  void patch() {
    std::ranges::sort(regions_, {}, [](const Region& region) {
      return std::tuple(region.in_conversation, region.piece, region.begin);
    });
    for (Region& region : regions_) {
      region.text = text_for(region);
      lanes_[region.first->lane].patches.add({.begin = region.begin,
                                              .end = region.end,
                                              .text = region.text,
                                              .score = region.first->score,
                                              .rule = region.first->rule});
    }
  }

  std::string text_for(const Region& region) {
    const BodyBuffers::Found& found = *region.first;
    if (!found.order) return found.text;
    const std::uint64_t key = redactor_.value_key();
    const std::string_view value = text_of(found, region.begin, region.end);
    if (phase_ == event::Phase::Response) {
      return redactor_.name(*found.order,
                            detect::value_digest(text_of(found, found.begin, found.end), key));
    }
    const bool exact = found.order->redaction.style == policy::RedactionStyle::Placeholder;
    const std::uint64_t end = exact ? region.end : found.end;
    return redactor_.name_for_now(
        *found.order, detect::value_digest(text_of(found, found.begin, end), key), value);
  }

  // Of an answer, of every choice in which something is patched; of a request's history, only where
  // they spell what is patched.
  void drop_logprobs(std::vector<codec::BodyEdit>& edits) {
    const std::vector<event::ByteRange> all = logprobs_of(json_);
    if (all.empty()) return;
    std::set<std::uint64_t> scopes;
    if (phase_ == event::Phase::Response) {
      for (const Region& region : regions_) scopes.insert(buffers_.pieces[region.piece].scope);
    }
    for (const event::ByteRange& range : all) {
      const bool drop = std::ranges::any_of(buffers_.pieces, [&](const BodyBuffers::Piece& piece) {
        return piece.raw.begin >= range.begin && piece.raw.end <= range.end &&
               (scopes.contains(piece.scope) || lanes_.contains(piece.lane));
      });
      if (drop) edits.push_back(without_logprobs(json_.text(), range));
    }
  }

  void write(const LaneEdit& lane, std::vector<codec::BodyEdit>& edits) {
    std::optional<LaneWriter> writer;
    for (const std::size_t at : lane.pieces) {
      const BodyBuffers::Piece& piece = buffers_.pieces[at];
      if (piece.spelled) continue;
      if (!writer) writer.emplace(piece.coding);
      const event::ByteRange range = written_range(json_.text(), piece.raw, piece.coding);
      std::string text;
      if (writer->write(json_.text().substr(range.begin, range.end - range.begin), lane.patches,
                        names_, text)) {
        edits.push_back({range.begin, range.end - range.begin, std::move(text)});
      }
    }
  }

  const BodyBuffers& buffers_;
  const wire::JsonReader& json_;
  const event::Phase phase_;
  Redactor& redactor_;
  std::map<std::uint32_t, LaneEdit> lanes_;
  std::vector<Region> regions_;
  NameCounts names_;
};

}  // namespace

UnitBook::PatchesAt patches_in(const Redactions& redactions) {
  return [&redactions](std::uint32_t place) {
    const auto found = redactions.find(place);
    return found == redactions.end() ? nullptr : &found->second;
  };
}

Redactions redactions_of_plain(const BodyBuffers& buffers, Redactor& redactor) {
  Redactions redactions;
  for (const BodyBuffers::Found& found : buffers.found) {
    if (!found.fixed) continue;
    const std::uint64_t digest = detect::value_digest(
        lane_text(buffers, found, found.begin, found.end), redactor.value_key());
    redactions[found.lane].add({.begin = found.begin,
                                .end = found.end,
                                .tail = found.tail,
                                .text = redactor.name(*found.order, digest)});
  }
  return redactions;
}

RewrittenBody rewrite_body(const BodyBuffers& buffers, const wire::JsonReader& json,
                           event::Phase phase, Redactor& redactor) {
  return Rewriting(buffers, json, phase, redactor).run();
}

}  // namespace capsem::engine
