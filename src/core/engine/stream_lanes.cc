#include "core/engine/stream_lanes.h"

#include <algorithm>
#include <utility>

namespace capsem::engine {
namespace {

// Nothing can be put in the place of what is found in it.
bool is_fixed(const event::Text& text) {
  return text.part == event::Part::ToolName || text.form == event::Form::Derived;
}

void put_back(PatchList& patches, std::uint64_t begin, std::uint64_t end, const Secret& value,
              std::uint64_t from) {
  patches.add({.begin = begin, .end = end, .text = std::string(value.reveal())}, from);
}

}  // namespace

StreamLanes::StreamLanes(const policy::Hearing& hearing, UnitBook& units, const Options& options)
    : hearing_(hearing), units_(units), options_(options) {}

Result<StreamLanes::Fed> StreamLanes::feed(const event::Text& text,
                                           detect::CatalogScratch& scratch) {
  const detect::DetectorMask mask = hearing_.detectors_at(text.point);
  if (mask == 0 && options_.restored == nullptr) {
    return Fed{.unit = units_.unit_of(text), .lane = kNone};
  }
  if (text.repeats_lane != 0) {
    if (const auto known = repeated(text)) return *known;
  }
  if (text.lane == 0) {
    Fed fed{.lane = kNone, .looked = mask != 0};
    if (options_.rewrites) {
      fed.loose = static_cast<std::uint32_t>(loose_.size());
      loose_.emplace_back();
    }
    fed.unit = units_.unit_of(text, loose_place(fed.loose));
    if (const Status status = scan_whole(text, fed.unit, mask, scratch); !status) {
      return std::unexpected(status.error());
    }
    return fed;
  }
  const Result<std::uint32_t> opened = open(text, mask);
  if (!opened) return std::unexpected(opened.error());
  const std::uint32_t index = *opened;
  std::uint64_t begin = 0;
  {
    LaneState& lane = lanes_[index];
    Scope& scope = scopes_[lane.scope];
    if (!scope.counted) {
      scope.counted = true;
      ++scope.events;
      touched_scopes_.push_back(lane.scope);
    }
    if (lane.settled > lane.scan->decided()) scope.resumed = true;
    lane.last_event = scope.events;
    begin = lane.scan->received();
    if (options_.fingerprints && !text.repeat) lane.fingerprint.add(text.text);
  }
  const Status status =
      text.json ? feed_json(index, text, scratch) : feed_scan(index, text.text, scratch);
  if (!status) return std::unexpected(status.error());
  const LaneState& lane = lanes_[index];
  failed_ |= lane.scan->failed();
  return Fed{.unit = lane.unit,
             .lane = holds_at(text.point) ? index : kNone,
             .until = lane.scan->received() + (lane.decoder.pending() ? 1 : 0),
             .looked = mask != 0,
             .place = index,
             .begin = begin,
             .end = lane.scan->received()};
}

bool StreamLanes::holds_at(event::Point point) const {
  return options_.restored != nullptr || hearing_.holds_answers_at(point);
}

// A whole repeat of what was already judged piece by piece needs no second look, and what is
// rewritten there is rewritten here.
std::optional<StreamLanes::Fed> StreamLanes::repeated(const event::Text& text) const {
  const std::uint32_t original = lane_index_.find(text.repeats_lane);
  if (original == IndexMap::kNone) return std::nullopt;
  Fingerprint whole(options_.fingerprint_key);
  whole.add(text.text);
  const LaneState& lane = lanes_[original];
  if (!(lane.fingerprint == whole)) return std::nullopt;
  return Fed{.unit = lane.unit,
             .lane = holds_at(text.point) ? original : kNone,
             .until = lane.scan->received(),
             .looked = true,
             .place = original,
             .begin = 0,
             .end = lane.scan->received()};
}

// A text that nothing continues: scanned on the spot, so that a stream may hold any number of them.
Status StreamLanes::scan_whole(const event::Text& text, std::uint32_t unit,
                               detect::DetectorMask mask, detect::CatalogScratch& scratch) {
  std::string_view bytes = text.text;
  bool raw_too = false;
  if (text.json) {
    decoded_.clear();
    wire::JsonTextDecoder decoder;
    raw_too = decoder.feed(text.text, decoded_) != wire::JsonTextDecoder::npos;
    decoder.finish(decoded_);
    bytes = decoded_;
  }
  const std::uint32_t loose =
      options_.rewrites ? static_cast<std::uint32_t>(loose_.size() - 1) : kNone;
  policy::Hit hit{.part = text.part, .field = text.field, .repeat = text.repeat};
  hit.fixed = is_fixed(text);
  bool numbered = false;
  // A lane of its own, so that digests and failures are treated as everywhere.
  const auto scan = [&](std::string_view whole) {
    findings_.clear();
    detect::Lane lane(hearing_.snapshot().catalog(), mask, options_for(mask));
    Status done = lane.feed(whole, scratch, findings_);
    if (done) done = lane.finish(scratch, findings_);
    failed_ |= lane.failed();
    if (findings_.empty()) return done;
    if (!numbered) hit.order = units_.next_order(unit);
    numbered = true;
    file_as(hit, unit, kNone, loose);
    return done;
  };
  Status status = scan(bytes);
  if (options_.restored != nullptr) {
    PlaceholderFinder().feed(bytes, *options_.restored,
                             [&](std::uint64_t begin, std::uint64_t end, const Secret& value) {
                               put_back(loose_[loose], begin, end, value, 0);
                             });
  }
  // What stands here is read in two ways, and only one of them can be written.
  hit.fixed = true;
  if (status && raw_too) status = scan(text.text);
  return status;
}

Result<std::uint32_t> StreamLanes::open(const event::Text& text, detect::DetectorMask mask) {
  const auto [index, fresh] =
      lane_index_.find_or_insert(text.lane, static_cast<std::uint32_t>(lanes_.size()));
  const std::uint32_t unit = units_.unit_of(text, options_.rewrites ? index : UnitBook::kNoPlace);
  if (!fresh) return index;
  if (lanes_.size() >= kLanesMax) {
    return upstream_error("inspection_failed", "the stream has more texts than can be followed");
  }
  LaneState lane(options_.fingerprint_key);
  lane.scan =
      std::make_unique<detect::Lane>(hearing_.snapshot().catalog(), mask, options_for(mask));
  lane.unit = unit;
  lane.order = units_.next_order(unit);
  lane.scope = open_scope(text.scope);
  lane.part = text.part;
  lane.field = text.field;
  lane.json = text.json;
  lane.repeat = text.repeat;
  lane.fixed = is_fixed(text);
  if (options_.restored != nullptr) lane.finder.emplace();
  scopes_[lane.scope].lanes.push_back(index);
  lanes_.push_back(std::move(lane));
  return index;
}

std::uint32_t StreamLanes::open_scope(std::uint64_t scope) {
  const auto [index, fresh] =
      scope_index_.find_or_insert(scope, static_cast<std::uint32_t>(scopes_.size()));
  if (fresh) scopes_.emplace_back();
  return index;
}

Status StreamLanes::feed_scan(std::uint32_t index, std::string_view bytes,
                              detect::CatalogScratch& scratch) {
  findings_.clear();
  const Status status = lanes_[index].scan->feed(bytes, scratch, findings_);
  file(index);
  if (lanes_[index].finder) find_placeholders(lanes_[index], bytes);
  return status;
}

void StreamLanes::find_placeholders(LaneState& lane, std::string_view bytes) {
  lane.finder->feed(bytes, *options_.restored,
                    [&lane](std::uint64_t begin, std::uint64_t end, const Secret& value) {
                      put_back(lane.patches, begin, end, value, lane.written);
                    });
}

Status StreamLanes::feed_json(std::uint32_t index, const event::Text& text,
                              detect::CatalogScratch& scratch) {
  decoded_.clear();
  const std::size_t broken_at = lanes_[index].decoder.feed(text.text, decoded_);
  if (broken_at != wire::JsonTextDecoder::npos && lanes_[index].raw_lane == kNone) {
    // From here on the text is not JSON: follow it raw as well, with the same past.
    LaneState fork(options_.fingerprint_key);
    fork.scan = std::make_unique<detect::Lane>(*lanes_[index].scan);
    fork.unit = lanes_[index].unit;
    fork.order = units_.next_order(fork.unit);
    fork.scope = lanes_[index].scope;
    fork.part = lanes_[index].part;
    fork.field = lanes_[index].field;
    fork.repeat = true;
    fork.fixed = true;  // read in two ways, of which only one can be written
    lanes_[index].raw_lane = static_cast<std::uint32_t>(lanes_.size());
    scopes_[fork.scope].lanes.push_back(lanes_[index].raw_lane);
    lanes_.push_back(std::move(fork));
  }
  if (const std::uint32_t fork = lanes_[index].raw_lane; fork != kNone) {
    lanes_[fork].last_event = lanes_[index].last_event;
    if (const Status status = feed_scan(fork, text.text, scratch); !status) return status;
  }
  return feed_scan(index, decoded_, scratch);
}

void StreamLanes::file(std::uint32_t index) {
  const LaneState& lane = lanes_[index];
  file_as({.order = lane.order,
           .part = lane.part,
           .field = lane.field,
           .repeat = lane.repeat,
           .fixed = lane.fixed},
          lane.unit, index);
}

void StreamLanes::file_as(policy::Hit hit, std::uint32_t unit, std::uint32_t lane,
                          std::uint32_t loose) {
  for (const detect::Finding& finding : findings_) {
    hit.rule = finding.rule;
    hit.score = finding.score;
    hit.begin = finding.begin;
    hit.end = finding.end;
    hit.value = finding.value;
    units_.add_hit(unit, hit);
    news_.push_back({unit, lane, hit, loose, finding.tail});
  }
}

void StreamLanes::forbid(const News& news) {
  if (news.lane == kNone) {
    event_forbidden_ = true;
    return;
  }
  std::uint64_t& at = lanes_[news.lane].forbidden_at;
  at = std::min(at, news.hit.begin);
}

void StreamLanes::redact(const News& news, std::string text) {
  Patch patch{.begin = news.hit.begin,
              .end = news.hit.end,
              .tail = news.tail,
              .text = std::move(text),
              .score = news.hit.score,
              .rule = news.hit.rule};
  if (news.lane == kNone) {
    loose_[news.loose].add(std::move(patch));
  } else {
    lanes_[news.lane].patches.add(std::move(patch), lanes_[news.lane].written);
  }
}

void StreamLanes::redact_in_record(const News& news, std::string text) {
  recorded_[news.lane == kNone ? loose_place(news.loose) : news.lane].add({.begin = news.hit.begin,
                                                                           .end = news.hit.end,
                                                                           .tail = news.tail,
                                                                           .text = std::move(text),
                                                                           .score = news.hit.score,
                                                                           .rule = news.hit.rule});
}

Status StreamLanes::settle(std::uint32_t index, bool ended, detect::CatalogScratch& scratch) {
  LaneState& lane = lanes_[index];
  if (ended && lane.finder) lane.finder->finish();
  decoded_.clear();
  if (lane.json) {
    wire::JsonTextDecoder decoder = lane.decoder;
    decoder.finish(decoded_);
  }
  const std::uint64_t received = lane.scan->received();
  if (lane.settled > received || (decoded_.empty() && lane.scan->decided() == received)) return {};
  // A copy is brought to its end: should the lane go on, its own state still knows its past.
  findings_.clear();
  detect::Lane copy(*lane.scan);
  Status status = decoded_.empty() ? Status{} : copy.feed(decoded_, scratch, findings_);
  if (status) status = copy.finish(scratch, findings_);
  if (!status) return status;
  file(index);
  lane.settled = received + 1;
  return {};
}

Status StreamLanes::end_scope(std::uint64_t scope, detect::CatalogScratch& scratch) {
  const std::uint32_t index = scope_index_.find(scope);
  if (index == IndexMap::kNone) return {};
  for (const std::uint32_t lane : scopes_[index].lanes) {
    if (const Status status = settle(lane, true, scratch); !status) return status;
  }
  return {};
}

Status StreamLanes::end_event(detect::CatalogScratch& scratch) {
  for (const std::uint32_t index : touched_scopes_) {
    Scope& scope = scopes_[index];
    scope.counted = false;
    if (scope.resumed || scope.lanes.size() < 2) continue;
    for (const std::uint32_t lane : scope.lanes) {
      if (scope.events - lanes_[lane].last_event < kSilentEvents) continue;
      if (const Status status = settle(lane, false, scratch); !status) return status;
    }
  }
  touched_scopes_.clear();
  return {};
}

Status StreamLanes::end_all(detect::CatalogScratch& scratch) {
  for (std::uint32_t i = 0; i < lanes_.size(); ++i) {
    if (const Status status = settle(i, true, scratch); !status) return status;
  }
  return {};
}

detect::LaneOptions StreamLanes::options_for(detect::DetectorMask mask) const {
  detect::LaneOptions options;
  if (hearing_.follows_values() || hearing_.names_values()) options.value_key = options_.value_key;
  for (detect::DetectorMask rest = mask; rest != 0; rest &= rest - 1) {
    const detect::DetectorMask bit = rest & (~rest + 1);
    if (hearing_.on_error(bit) != policy::OnError::Block) options.expendable |= bit;
  }
  return options;
}

std::uint64_t StreamLanes::clear_mark(const LaneState& lane) const {
  std::uint64_t mark = std::min(std::max(lane.settled, lane.scan->decided()), lane.forbidden_at);
  // What may be a placeholder waits for the rest of it.
  if (lane.finder && lane.finder->decided() < lane.scan->received()) {
    mark = std::min(mark, lane.finder->decided());
  }
  return mark;
}

bool StreamLanes::cleared(std::uint32_t index, std::uint64_t until) const {
  const LaneState& lane = lanes_[index];
  if (until > clear_mark(lane)) return false;
  // The raw form of the same text has to be clear as far as it has come, too.
  return lane.raw_lane == kNone ||
         clear_mark(lanes_[lane.raw_lane]) >= lanes_[lane.raw_lane].scan->received();
}

}  // namespace capsem::engine
