#include "core/engine/stream_lanes.h"

#include <algorithm>
#include <utility>

namespace capsem::engine {

StreamLanes::StreamLanes(const policy::Hearing& hearing, UnitBook& units,
                         std::uint64_t fingerprint_key, bool fingerprints)
    : hearing_(hearing),
      units_(units),
      fingerprint_key_(fingerprint_key),
      fingerprints_(fingerprints) {}

Result<StreamLanes::Fed> StreamLanes::feed(const event::Text& text,
                                           detect::CatalogScratch& scratch) {
  const detect::DetectorMask mask = hearing_.detectors_at(text.point);
  if (mask == 0) {
    return Fed{.unit = units_.unit_of(text), .lane = kNone};
  }
  if (text.lane == 0) {
    const std::uint32_t unit = units_.unit_of(text);
    if (const Status status = scan_whole(text, unit, mask, scratch); !status) {
      return std::unexpected(status.error());
    }
    return Fed{.unit = unit, .lane = kNone, .looked = true};
  }
  if (text.repeats_lane != 0) {
    // A whole repeat of what was already judged piece by piece needs no second look.
    const std::uint32_t original = lane_index_.find(text.repeats_lane);
    Fingerprint whole(fingerprint_key_);
    whole.add(text.text);
    if (original != IndexMap::kNone && lanes_[original].fingerprint == whole) {
      return Fed{.unit = lanes_[original].unit,
                 .lane = hearing_.holds_answers_at(text.point) ? original : kNone,
                 .until = lanes_[original].scan->received(),
                 .looked = true};
    }
  }
  const Result<std::uint32_t> opened = open(text, mask);
  if (!opened) return std::unexpected(opened.error());
  const std::uint32_t index = *opened;
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
    if (fingerprints_ && !text.repeat) lane.fingerprint.add(text.text);
  }
  const Status status =
      text.json ? feed_json(index, text, scratch) : feed_scan(index, text.text, scratch);
  if (!status) return std::unexpected(status.error());
  const LaneState& lane = lanes_[index];
  failed_ |= lane.scan->failed();
  return Fed{.unit = lane.unit,
             .lane = hearing_.holds_answers_at(text.point) ? index : kNone,
             .until = lane.scan->received() + (lane.decoder.pending() ? 1 : 0),
             .looked = true};
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
  findings_.clear();
  // A lane of its own, so that digests and failures are treated as everywhere.
  const auto scan = [&](std::string_view whole) {
    detect::Lane lane(hearing_.snapshot().catalog(), mask, options_for(mask));
    Status done = lane.feed(whole, scratch, findings_);
    if (done) done = lane.finish(scratch, findings_);
    failed_ |= lane.failed();
    return done;
  };
  Status status = scan(bytes);
  if (status && raw_too) status = scan(text.text);
  if (!findings_.empty()) {
    policy::Hit hit{.order = units_.next_order(unit),
                    .part = text.part,
                    .field = text.field,
                    .repeat = text.repeat};
    file_as(hit, unit, kNone);
  }
  return status;
}

Result<std::uint32_t> StreamLanes::open(const event::Text& text, detect::DetectorMask mask) {
  const auto [index, fresh] =
      lane_index_.find_or_insert(text.lane, static_cast<std::uint32_t>(lanes_.size()));
  const std::uint32_t unit = units_.unit_of(text);
  if (!fresh) return index;
  if (lanes_.size() >= kLanesMax) {
    return upstream_error("inspection_failed", "the stream has more texts than can be followed");
  }
  LaneState lane(fingerprint_key_);
  lane.scan =
      std::make_unique<detect::Lane>(hearing_.snapshot().catalog(), mask, options_for(mask));
  lane.unit = unit;
  lane.order = units_.next_order(unit);
  lane.scope = open_scope(text.scope);
  lane.part = text.part;
  lane.field = text.field;
  lane.json = text.json;
  lane.repeat = text.repeat;
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
  return status;
}

Status StreamLanes::feed_json(std::uint32_t index, const event::Text& text,
                              detect::CatalogScratch& scratch) {
  decoded_.clear();
  const std::size_t broken_at = lanes_[index].decoder.feed(text.text, decoded_);
  if (broken_at != wire::JsonTextDecoder::npos && lanes_[index].raw_lane == kNone) {
    // From here on the text is not JSON: follow it raw as well, with the same past.
    LaneState fork(fingerprint_key_);
    fork.scan = std::make_unique<detect::Lane>(*lanes_[index].scan);
    fork.unit = lanes_[index].unit;
    fork.order = units_.next_order(fork.unit);
    fork.scope = lanes_[index].scope;
    fork.part = lanes_[index].part;
    fork.field = lanes_[index].field;
    fork.repeat = true;
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
  file_as({.order = lane.order, .part = lane.part, .field = lane.field, .repeat = lane.repeat},
          lane.unit, index);
}

void StreamLanes::file_as(policy::Hit hit, std::uint32_t unit, std::uint32_t lane) {
  for (const detect::Finding& finding : findings_) {
    hit.rule = finding.rule;
    hit.score = finding.score;
    hit.begin = finding.begin;
    hit.end = finding.end;
    hit.value = finding.value;
    units_.add_hit(unit, hit);
    news_.push_back({unit, lane, hit});
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

Status StreamLanes::settle(std::uint32_t index, detect::CatalogScratch& scratch) {
  LaneState& lane = lanes_[index];
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
    if (const Status status = settle(lane, scratch); !status) return status;
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
      if (const Status status = settle(lane, scratch); !status) return status;
    }
  }
  touched_scopes_.clear();
  return {};
}

Status StreamLanes::end_all(detect::CatalogScratch& scratch) {
  for (std::uint32_t i = 0; i < lanes_.size(); ++i) {
    if (const Status status = settle(i, scratch); !status) return status;
  }
  return {};
}

detect::LaneOptions StreamLanes::options_for(detect::DetectorMask mask) const {
  detect::LaneOptions options;
  if (hearing_.follows_values()) options.value_key = fingerprint_key_;
  for (detect::DetectorMask rest = mask; rest != 0; rest &= rest - 1) {
    const detect::DetectorMask bit = rest & (~rest + 1);
    if (hearing_.on_error(bit) != policy::OnError::Block) options.expendable |= bit;
  }
  return options;
}

std::uint64_t StreamLanes::clear_mark(const LaneState& lane) const {
  return std::min(std::max(lane.settled, lane.scan->decided()), lane.forbidden_at);
}

bool StreamLanes::cleared(std::uint32_t index, std::uint64_t until) const {
  const LaneState& lane = lanes_[index];
  if (until > clear_mark(lane)) return false;
  // The raw form of the same text has to be clear as far as it has come, too.
  return lane.raw_lane == kNone ||
         clear_mark(lanes_[lane.raw_lane]) >= lanes_[lane.raw_lane].scan->received();
}

}  // namespace capsem::engine
