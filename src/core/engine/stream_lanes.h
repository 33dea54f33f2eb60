// The texts of one stream: a lane per text key, each with detectors that go on from piece to piece.
//
// A lane's text is cleared, byte by byte, as its detectors decide. Two things clear the rest: the
// end of its scope, and silence, when other lanes of the scope go on without it (reasoning that has
// given way to the answer). Text that comes after such a provisional end is still matched together
// with what went before: a forbidden text that straddles it is found and never completed. A scope
// in which that happens once is not given the benefit of silence again.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/index_map.h"
#include "core/detect/lane.h"
#include "core/engine/fingerprint.h"
#include "core/engine/lane_writer.h"
#include "core/engine/patch.h"
#include "core/engine/placeholder_finder.h"
#include "core/engine/units.h"
#include "core/event/event.h"
#include "core/policy/hearing.h"
#include "core/wire/json_text.h"

namespace capsem::engine {

class StreamLanes {
 public:
  static constexpr std::size_t kLanesMax = 4'096;    // per stream; more: inspection_failed
  static constexpr std::uint32_t kSilentEvents = 2;  // of its scope, before a lane is settled

  struct Options {
    std::uint64_t fingerprint_key = 0;
    bool fingerprints = false;           // the dialect repeats texts whole, so each lane keeps one
    std::uint64_t value_key = 0;         // of the digests of values, where they are wanted
    bool rewrites = false;               // patches are wanted
    const Redactor* restored = nullptr;  // its placeholders are looked for; nullptr: none
  };
  StreamLanes(const policy::Hearing& hearing, UnitBook& units, const Options& options);

  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // What feeding a text did.
  struct Fed {
    std::uint32_t unit = 0;
    std::uint32_t lane = 0;
    std::uint64_t until = 0;  // the event may leave when the lane is cleared up to here
    bool looked = false;      // some detector looks at the text's point
    // Where its patches are: in a lane, from `begin` to `end`, or in loose(); both kNone: nowhere.
    std::uint32_t place = kNone, loose = kNone;
    std::uint64_t begin = 0, end = 0;
  };

  // Feeds one piece. New findings become hits of its unit. The result's `lane` is kNone when the
  // text needs no wait: it is whole by itself, no detector looks at its point, or none of those
  // that do may forbid it (X3). Errors: a
  // detector failed, too many lanes.
  Result<Fed> feed(const event::Text& text, detect::CatalogScratch& scratch);

  // The scope is complete: settles its lanes.
  Status end_scope(std::uint64_t scope, detect::CatalogScratch& scratch);
  // All texts of one event have been fed: settles lanes that have fallen silent.
  Status end_event(detect::CatalogScratch& scratch);
  // The stream is complete: settles every lane.
  Status end_all(detect::CatalogScratch& scratch);

  bool cleared(std::uint32_t lane, std::uint64_t until) const;

  // A hit that was filed since the last call to clear_news().
  struct News {
    std::uint32_t unit;
    std::uint32_t lane;
    policy::Hit hit;
    std::uint32_t loose = kNone;
    detect::Tail tail = detect::Tail::None;
  };
  const std::vector<News>& news() const { return news_; }
  void clear_news() { news_.clear(); }
  // Nothing from this hit on may leave any more.
  void forbid(const News& news);
  // `text` is to stand in the hit's place.
  void redact(const News& news, std::string text);
  // ... as far as the record is concerned, whether it leaves so or is forbidden.
  void redact_in_record(const News& news, std::string text);
  const PatchList* redactions_in_record(std::uint32_t place) const {
    const auto found = recorded_.find(place);
    return found == recorded_.end() ? nullptr : &found->second;
  }
  // What has to stand in the place of what in this lane.
  const PatchList& patches(std::uint32_t lane) const { return lanes_[lane].patches; }
  // ... in each text that was whole by itself, since the last call to take_loose().
  std::vector<PatchList> take_loose() {
    loose_taken_ += static_cast<std::uint32_t>(loose_.size());
    return std::exchange(loose_, {});
  }
  // Who writes the lane's pieces, from one to the next; and up to where they have been written.
  std::optional<LaneWriter>& writer(std::uint32_t lane) { return lanes_[lane].writer; }
  void note_written(std::uint32_t lane, std::uint64_t end) { lanes_[lane].written = end; }
  // forbid() was called for a hit in a text that is whole by itself: the event that brought it, the
  // last one fed, may not leave.
  bool event_forbidden() const { return event_forbidden_; }
  // Detectors that failed and were gone on without.
  detect::DetectorMask failed() const { return failed_; }

 private:
  struct LaneState {
    std::unique_ptr<detect::Lane> scan;
    wire::JsonTextDecoder decoder;
    Fingerprint fingerprint;
    std::uint64_t settled = 0;  // cleared by a provisional end up to here
    std::uint64_t forbidden_at = ~std::uint64_t{0};
    std::uint32_t unit = 0, order = 0, scope = 0;
    std::uint32_t last_event = 0;    // of the scope's events, the last with text for this lane
    std::uint32_t raw_lane = kNone;  // the same text without undoing escapes, once it is not JSON
    event::Part part = event::Part::Text;
    std::uint16_t field = 0;
    bool json = false, repeat = false;
    bool fixed = false;  // policy::Hit::fixed
    // What is rewritten of it.
    PatchList patches;
    std::optional<LaneWriter> writer;
    std::uint64_t written = 0;
    std::optional<PlaceholderFinder> finder;

    explicit LaneState(std::uint64_t key) : fingerprint(key) {}
  };
  struct Scope {
    std::uint32_t events = 0;  // events with text of this scope
    bool counted = false;      // ... of which the current one is counted
    bool resumed = false;      // a lane went on after silence
    std::vector<std::uint32_t> lanes;
  };

  // The place of a text that is whole by itself, beyond those of lanes.
  std::uint32_t loose_place(std::uint32_t loose) const {
    return loose == kNone ? UnitBook::kNoPlace : UnitBook::kNoPlace - 1 - (loose_taken_ + loose);
  }
  bool holds_at(event::Point point) const;
  std::optional<Fed> repeated(const event::Text& text) const;
  Status scan_whole(const event::Text& text, std::uint32_t unit, detect::DetectorMask mask,
                    detect::CatalogScratch& scratch);
  Result<std::uint32_t> open(const event::Text& text, detect::DetectorMask mask);
  std::uint32_t open_scope(std::uint64_t scope);
  Status feed_scan(std::uint32_t lane, std::string_view bytes, detect::CatalogScratch& scratch);
  void find_placeholders(LaneState& lane, std::string_view bytes);
  Status feed_json(std::uint32_t lane, const event::Text& text, detect::CatalogScratch& scratch);
  // `ended`: no more text is expected.
  Status settle(std::uint32_t lane, bool ended, detect::CatalogScratch& scratch);
  void file(std::uint32_t lane);
  void file_as(policy::Hit hit, std::uint32_t unit, std::uint32_t lane,
               std::uint32_t loose = kNone);
  std::uint64_t clear_mark(const LaneState& lane) const;
  detect::LaneOptions options_for(detect::DetectorMask mask) const;

  const policy::Hearing& hearing_;
  UnitBook& units_;
  const Options options_;
  std::vector<LaneState> lanes_;
  IndexMap lane_index_;
  std::vector<Scope> scopes_;
  IndexMap scope_index_;
  std::vector<std::uint32_t> touched_scopes_;
  std::vector<detect::Finding> findings_;
  std::vector<News> news_;
  std::vector<PatchList> loose_;
  std::uint32_t loose_taken_ = 0;
  std::map<std::uint32_t, PatchList> recorded_;  // by place (UnitBook::unit_of)
  std::string decoded_;
  bool event_forbidden_ = false;
  detect::DetectorMask failed_ = 0;
};

}  // namespace capsem::engine
