#include "core/engine/body_inspector.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "core/engine/placeholder_finder.h"
#include "core/wire/json_text.h"

namespace capsem::engine {
namespace {

constexpr std::uint8_t kNoBatch = 0xFF;
constexpr std::size_t kKeepBytes = 256u << 10;
constexpr std::size_t kKeepEntries = 16u << 10;

template <class T>
void clear_and_bound(T& container, std::size_t keep) {
  if (container.capacity() > keep) T().swap(container);
  container.clear();
}

}  // namespace

void BodyBuffers::clear() {
  for (Batch& batch : batches) {
    clear_and_bound(batch.text, kKeepBytes);
    clear_and_bound(batch.segments, kKeepEntries);
    batch.scattered = false;
  }
  clear_and_bound(lanes, kKeepEntries);
  clear_and_bound(pieces, kKeepEntries);
  clear_and_bound(found, kKeepEntries);
  lane_index.clear();
}

BodyInspector::BodyInspector(const policy::Hearing& hearing, UnitBook& units,
                             InspectionLedger& ledger, BodyBuffers& buffers,
                             std::uint64_t value_key, const Redactor* restored)
    : hearing_(hearing),
      units_(units),
      ledger_(ledger),
      buffers_(buffers),
      value_key_(value_key),
      restored_(restored) {
  buffers_.clear();
  // Points whose texts the same detectors look at share a batch.
  for (std::size_t point = 0; point < event::kPointCount; ++point) {
    const detect::DetectorMask mask = hearing_.detectors_at(static_cast<event::Point>(point));
    batch_of_[point] = kNoBatch;
    if (mask == 0 && restored_ == nullptr) continue;
    const auto known_end = mask_of_batch_.begin() + batches_;
    const auto batch = static_cast<std::size_t>(std::find(mask_of_batch_.begin(), known_end, mask) -
                                                mask_of_batch_.begin());
    if (batch == batches_) mask_of_batch_[batches_++] = mask;
    batch_of_[point] = static_cast<std::uint8_t>(batch);
  }
}

void BodyInspector::on_text(const event::Text& text) {
  const std::size_t batch = batch_of_[static_cast<std::size_t>(text.point)];
  if (batch == kNoBatch) {
    units_.unit_of(text);
    return;
  }
  if (mask_of_batch_[batch] != 0) ledger_.count(text.point, text.text.size());
  const std::uint32_t lane = open_lane(text, batch);
  if (rewrites()) note_piece(text, lane);
  if (text.json) {
    append_json(batch, lane, text);
  } else {
    append(batch, lane, text.text);
  }
}

std::uint32_t BodyInspector::open_lane(const event::Text& text, std::size_t batch) {
  auto lane = static_cast<std::uint32_t>(buffers_.lanes.size());
  bool fresh = true;  // lane 0: a text that nothing continues
  if (text.lane != 0) {
    const std::uint64_t key = hash_combine(text.lane, batch);
    std::tie(lane, fresh) = buffers_.lane_index.find_or_insert(key, lane);
  }
  const std::uint32_t unit = units_.unit_of(text, rewrites() ? lane : UnitBook::kNoPlace);
  if (fresh) {
    buffers_.lanes.push_back(
        {.unit = unit,
         .order = units_.next_order(unit),
         .message = text.message,
         .part = text.part,
         .field = text.field,
         .repeat = text.repeat,
         .fixed = text.part == event::Part::ToolName || text.form == event::Form::Derived});
  }
  return lane;
}

void BodyInspector::note_piece(const event::Text& text, std::uint32_t lane) {
  if (text.form == event::Form::Derived) return;
  buffers_.pieces.push_back({.lane = lane,
                             .message = text.message,
                             .begin = buffers_.lanes[lane].bytes,
                             .scope = text.scope,
                             .raw = text.raw,
                             .coding = coding_of(text),
                             .spelled = text.form == event::Form::Spelled});
}

void BodyInspector::append(std::size_t batch_index, std::uint32_t lane, std::string_view bytes) {
  if (bytes.empty()) return;
  buffers_.lanes[lane].bytes += bytes.size();
  BodyBuffers::Batch& batch = buffers_.batches[batch_index];
  if (!batch.segments.empty() && batch.segments.back().lane == lane) {
    batch.text += bytes;
    batch.segments.back().end = batch.text.size();
    return;
  }
  // Room for what follows a large text, too, so that it is not copied a second time.
  if (bytes.size() > kKeepBytes) batch.text.reserve(batch.text.size() + bytes.size() + kKeepBytes);
  batch.text.push_back('\0');
  const std::size_t begin = batch.text.size();
  batch.text += bytes;
  batch.segments.push_back({lane, begin, batch.text.size()});
  if (++buffers_.lanes[lane].segments > 1) batch.scattered = true;
}

void BodyInspector::append_json(std::size_t batch, std::uint32_t lane, const event::Text& text) {
  if (std::memchr(text.text.data(), '\\', text.text.size()) == nullptr) {
    append(batch, lane, text.text);
    return;
  }
  std::string decoded;
  decoded.reserve(text.text.size());
  wire::JsonTextDecoder decoder;
  const std::size_t broken_at = decoder.feed(text.text, decoded);
  decoder.finish(decoded);
  append(batch, lane, decoded);
  if (broken_at == wire::JsonTextDecoder::npos) return;
  // Not JSON after all: whoever gets it may read it raw, so the raw bytes are looked at as well.
  event::Text raw = text;
  raw.lane = text.lane == 0 ? 0 : hash_combine(text.lane, 1);
  raw.repeat = true;
  const std::uint32_t raw_lane = open_lane(raw, batch);
  // What stands here is read in two ways, and only one of them can be written.
  buffers_.lanes[raw_lane].fixed = true;
  append(batch, raw_lane, text.text);
}

void BodyInspector::on_unchecked(std::string_view surface, std::string_view reason) {
  ledger_.unchecked(surface, reason);
}

// Lanes whose pieces do not stand side by side (token lists interleave) are copied together behind
// the batch, and blanked where they stood: a NUL is a boundary, so nothing is found there.
void BodyInspector::join_scattered(std::size_t batch_index) {
  BodyBuffers::Batch& batch = buffers_.batches[batch_index];
  if (!batch.scattered) return;
  std::vector<BodyBuffers::Segment> kept, loose;
  for (const auto& segment : batch.segments) {
    (buffers_.lanes[segment.lane].segments > 1 ? loose : kept).push_back(segment);
  }
  std::ranges::stable_sort(loose, {}, &BodyBuffers::Segment::lane);
  std::string tail;
  for (std::size_t i = 0; i < loose.size(); ++i) {
    auto& segment = loose[i];
    const bool continues = i > 0 && loose[i - 1].lane == segment.lane;
    if (!continues) tail.push_back('\0');
    const std::size_t begin = batch.text.size() + tail.size();
    tail.append(batch.text, segment.begin, segment.end - segment.begin);
    std::fill(batch.text.begin() + static_cast<std::ptrdiff_t>(segment.begin),
              batch.text.begin() + static_cast<std::ptrdiff_t>(segment.end), '\0');
    if (continues) {
      kept.back().end = batch.text.size() + tail.size();
    } else {
      kept.push_back({segment.lane, begin, batch.text.size() + tail.size()});
    }
  }
  batch.text += tail;
  batch.segments = std::move(kept);
}

void BodyInspector::scan(detect::CatalogScratch& scratch, std::vector<detect::Finding>& findings,
                         detect::ScanGuard& guard) {
  for (std::size_t batch = 0; batch < batches_; ++batch) {
    join_scattered(batch);
    findings.clear();
    detect::scan_all(hearing_.snapshot().catalog(), mask_of_batch_[batch], scratch,
                     buffers_.batches[batch].text, findings, guard);
    file_hits(batch, findings);
    if (restored_ != nullptr) find_placeholders(batch);
  }
}

BodyBuffers::Found BodyInspector::found_in(std::size_t batch, const BodyBuffers::Segment& segment,
                                           std::size_t begin, std::size_t end) const {
  BodyBuffers::Found found;
  found.lane = segment.lane;
  found.batch = batch;
  found.lane_begin = segment.begin;
  found.lane_end = segment.end;
  found.begin = begin - segment.begin;
  found.end = end - segment.begin;
  return found;
}

void BodyInspector::find_placeholders(std::size_t batch) {
  const std::string_view text = buffers_.batches[batch].text;
  for (const BodyBuffers::Segment& segment : buffers_.batches[batch].segments) {
    PlaceholderFinder finder;
    const auto put_back = [&](std::uint64_t begin, std::uint64_t end, const Secret& value) {
      BodyBuffers::Found found =
          found_in(batch, segment, segment.begin + begin, segment.begin + end);
      found.text = value.reveal();
      buffers_.found.push_back(std::move(found));
    };
    finder.feed(text.substr(segment.begin, segment.end - segment.begin), *restored_, put_back);
  }
}

void BodyInspector::file_hits(std::size_t batch_index, std::vector<detect::Finding>& findings) {
  std::ranges::sort(findings, {}, &detect::Finding::begin);
  const auto& segments = buffers_.batches[batch_index].segments;
  auto segment = segments.begin();
  for (const detect::Finding& finding : findings) {
    while (segment != segments.end() && segment->end <= finding.begin) ++segment;
    if (segment == segments.end()) break;
    const BodyBuffers::Lane& lane = buffers_.lanes[segment->lane];
    const std::string_view text = buffers_.batches[batch_index].text;
    const bool followed =
        hearing_.follows_values() && hearing_.snapshot().wants_value(finding.rule);
    const policy::Hit hit{
        .rule = finding.rule,
        .score = finding.score,
        .order = lane.order,
        .begin = finding.begin - segment->begin,
        .end = finding.end - segment->begin,
        .part = lane.part,
        .field = lane.field,
        .repeat = lane.repeat,
        .fixed = lane.fixed,
        .message = lane.message,
        .place = segment->lane,
        .value = followed ? detect::value_digest(
                                text.substr(finding.begin, finding.end - finding.begin), value_key_)
                          : 0};
    units_.add_hit(lane.unit, hit);
    if (!hearing_.redacts(phase())) continue;
    auto order = hearing_.redaction_of(units_.unit(lane.unit), hit);
    if (!order) continue;
    BodyBuffers::Found found = found_in(batch_index, *segment, finding.begin, finding.end);
    found.tail = finding.tail;
    found.score = finding.score;
    found.rule = finding.rule;
    found.fixed = lane.fixed;
    found.order = std::move(order);
    buffers_.found.push_back(std::move(found));
  }
}

}  // namespace capsem::engine
