// What a UnitBook keeps of texts for the record.
#include <algorithm>
#include <map>

#include "core/engine/lane_writer.h"
#include "core/engine/units.h"

namespace capsem::engine {
namespace {

using event::Point;

// One place's text with its patches, written as its inspector would write it.
std::string patched(std::string_view text, bool json, const PatchList& patches) {
  if (!json) return with_patches(text, patches);
  std::string out;
  NameCounts names;
  LaneWriter(Coding::Slice).write(text, patches, names, out);
  return out;
}

}  // namespace

// A repeat is recorded where nothing else came.
void UnitBook::record_text(Entry& entry, const event::Text& text, std::uint32_t place) {
  if (text.part != event::Part::Text && text.part != event::Part::Arguments) return;
  if (text.point == Point::ToolDefinition) return;
  if (text.repeat && !entry.recorded.empty() && !entry.recorded_repeat) return;
  if (!text.repeat && entry.recorded_repeat) return;
  entry.recorded_repeat = text.repeat;
  const bool joins = entry.recorded.empty() || (text.lane != 0 && text.lane == entry.recorded_lane);
  entry.recorded_lane = text.lane;
  const std::size_t room = keep_.texts_bytes_max - std::min(keep_.texts_bytes_max, recorded_bytes_);
  if (room == 0) return;
  if (!joins) entry.recorded += '\n';
  std::size_t end = std::min(text.text.size(), room);
  if (end < text.text.size()) {  // at a character's edge
    while (end > 0 && (static_cast<unsigned char>(text.text[end]) & 0xC0) == 0x80) --end;
  }
  const std::size_t begin = entry.recorded.size();
  entry.recorded += text.text.substr(0, end);
  recorded_bytes_ += end < text.text.size() ? room : end;
  if (place != kNoPlace) note_stretch(entry, text, place, begin);
}

void UnitBook::note_stretch(Entry& entry, const event::Text& text, std::uint32_t place,
                            std::size_t begin) {
  std::vector<Stretch>& all = entry.stretches;
  if (all.empty() || all.back().place != place || all.back().end != begin) {
    all.push_back({.place = place, .json = text.json, .begin = begin});
  }
  all.back().end = entry.recorded.size();
}

std::vector<audit::KeptText> UnitBook::kept_texts() const {
  std::vector<audit::KeptText> texts;
  for (const Entry& entry : entries_) {
    if (entry.recorded.empty()) continue;
    const policy::Unit& unit = entry.unit;
    texts.push_back(
        {.point = unit.point,
         .phase = phase_,
         .tool = unit.tool_name_resolved.empty() ? unit.tool_name : unit.tool_name_resolved,
         .text = entry.recorded});
  }
  return texts;
}

void UnitBook::redact_kept_texts(const PatchesAt& patches_at) {
  for (Entry& entry : entries_) {
    const bool touched = std::ranges::any_of(
        entry.stretches, [&](const Stretch& one) { return patches_at(one.place) != nullptr; });
    if (touched) entry.recorded = redacted(entry, patches_at);
    entry.stretches.clear();
  }
}

std::string UnitBook::redacted(const Entry& entry, const PatchesAt& patches_at) {
  std::map<std::uint32_t, std::string> whole;
  for (const Stretch& one : entry.stretches) {
    whole[one.place].append(entry.recorded, one.begin, one.end - one.begin);
  }
  std::string out;
  std::size_t at = 0;
  for (const Stretch& one : entry.stretches) {
    const PatchList* patches = patches_at(one.place);
    if (patches == nullptr) continue;
    out.append(entry.recorded, at, one.begin - at);
    at = one.end;
    const auto text = whole.find(one.place);
    if (text == whole.end()) continue;
    out += patched(text->second, one.json, *patches);
    whole.erase(text);
  }
  out.append(entry.recorded, at);
  return out;
}

}  // namespace capsem::engine
