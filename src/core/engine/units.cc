#include "core/engine/units.h"

#include <algorithm>

namespace capsem::engine {
namespace {

using event::Phase;
using event::Point;

int check_rank(Phase phase, Point point) {
  if (phase == Phase::Request) {
    switch (point) {
      case Point::ToolResult:
        return 0;
      case Point::Prompt:
        return 1;
      case Point::Thought:
        return 2;
      case Point::ToolCall:
        return 3;
      case Point::ToolDefinition:
        return 4;
      case Point::ModelOutput:
        return 5;
    }
  }
  switch (point) {
    case Point::ToolCall:
      return 0;
    case Point::ToolResult:
      return 1;
    case Point::ToolDefinition:
      return 2;
    case Point::ModelOutput:
      return 3;
    case Point::Thought:
      return 4;
    case Point::Prompt:
      return 5;
  }
  return 6;
}

}  // namespace

std::uint32_t UnitBook::unit_of(const event::Text& text, std::uint32_t place) {
  // Points are part of the identity: a detector's plan and a policy's answer depend on them.
  const std::uint64_t key = hash_combine(text.unit, static_cast<std::uint64_t>(text.point));
  std::uint32_t i = last_;
  if (entries_.empty() || key != last_key_) {
    bool fresh;
    std::tie(i, fresh) = index_.find_or_insert(key, static_cast<std::uint32_t>(entries_.size()));
    if (fresh) {
      entries_.emplace_back();
      entries_.back().unit.point = text.point;
      entries_.back().unit.phase = phase_;
    }
    last_key_ = key;
    last_ = i;
  }
  Entry& entry = entries_[i];
  if (text.part == event::Part::ToolName) learn_name(entry, text);
  if (!text.tool_ref.empty()) entry.tool_ref = text.tool_ref;
  if (text.text.empty()) return i;
  entry.told = true;
  keep_of(entry, text);
  if (keep_.texts_bytes_max != 0) record_text(entry, text, place);
  return i;
}

// A name in pieces (stream deltas) is joined; a repeat, marked or plain, is not a second piece.
void UnitBook::learn_name(Entry& entry, const event::Text& text) {
  std::string& name = entry.unit.tool_name;
  if (name == text.text) {
    // A server that says the name again, or a name of two equal halves: both readings are judged.
    if (!text.repeat && entry.unit.point == Point::ToolCall) {
      if (entry.doubled_name.empty()) entry.doubled_name = name;
      entry.doubled_name += text.text;
    }
    return;
  }
  if (!entry.doubled_name.empty() && !text.repeat) entry.doubled_name += text.text;
  if (text.repeat && !name.empty()) {
    entry.contradicted = true;
  } else {
    name += text.text;
  }
}

void UnitBook::keep_of(Entry& entry, const event::Text& text) {
  switch (text.point) {
    case Point::Prompt:
      if (keep_.prompt_text) keep_text(entry, text);
      break;
    case Point::ModelOutput:
    case Point::Thought:
      if (keep_.answer_text && phase_ == Phase::Response && !text.repeat) keep_text(entry, text);
      break;
    case Point::ToolResult:
      if (keep_.result_text && text.part == event::Part::Text && !text.repeat) {
        keep_text(entry, text);
      }
      break;
    case Point::ToolDefinition:
      if (!keep_.definitions) break;
      if (entry.digest == nullptr) entry.digest = std::make_unique<policy::DefinitionDigest>();
      entry.digest->add(text);
      break;
    case Point::ToolCall:
      if (!keep_.arguments || text.part != event::Part::Arguments) break;
      if (text.repeat && !entry.unit.arguments.empty()) {
        repeat_arguments(entry, text.text);
        break;
      }
      entry.arguments_repeat = text.repeat;
      if (entry.unit.arguments.size() + text.text.size() > keep_.arguments_bytes_max) {
        entry.overflowed = true;
      } else {
        entry.unit.arguments += text.text;
      }
      break;
  }
}

// What is said again has to be what was said: as JSON, or, for the calls that have several plain
// texts, each repeated by itself, as one of them. Where only repeats come, they are the call.
void UnitBook::repeat_arguments(Entry& entry, std::string_view text) {
  std::string& arguments = entry.unit.arguments;
  if (arguments == text) return;
  wire::JsonReader reader;
  const std::string said = policy::canonical_json(arguments, reader);
  if (said == policy::canonical_json(text, reader)) return;
  const bool plain = said.starts_with("raw");
  if (plain && arguments.find(text) != std::string::npos) return;
  if (entry.arguments_repeat) {
    arguments += text;
  } else {
    entry.contradicted = true;
  }
}

// The texts of one message or answer after another, a line each (R40).
void UnitBook::keep_text(Entry& entry, const event::Text& text) {
  if (phase_ == Phase::Response && kept_bytes_ + text.text.size() > keep_.answer_bytes_max) {
    overflowed_ = true;
    return;
  }
  std::string& kept = entry.unit.text;
  if (keep_.turns && (entry.messages.empty() || entry.messages.back().first != text.message)) {
    entry.messages.emplace_back(text.message, kept.size());
  }
  if (!kept.empty() && (text.lane == 0 || text.lane != entry.last_lane)) kept += '\n';
  entry.last_lane = text.lane;
  kept += text.text;
  kept_bytes_ += text.text.size();
}

void UnitBook::grant_released(std::span<policy::Decision> decisions) const {
  if (released_.empty()) return;
  for (policy::Decision& decision : decisions) {
    if (decision.verdict != policy::Verdict::Confirm) continue;
    decision.granted |= std::ranges::any_of(released_, [&](const ReleasedRule& released) {
      return released.policy == decision.policy && released.rule == decision.rule;
    });
  }
}

void UnitBook::add_hit(std::uint32_t unit, const policy::Hit& hit) {
  Entry& entry = entries_[unit];
  const std::uint32_t kind = std::uint32_t{hit.rule} << 8 |
                             static_cast<std::uint32_t>(hit.part) << 1 | (hit.repeat ? 1 : 0);
  const bool known = std::ranges::find(entry.kinds, kind) != entry.kinds.end();
  if (known && hits_ >= kHitsMax) return;
  if (!known) entry.kinds.push_back(kind);
  if (entry.unit.hits.empty()) hit_units_.push_back(unit);
  entry.unit.hits.push_back(hit);
  ++hits_;
}

void UnitBook::resolve_tools(std::span<const std::pair<std::string, std::string>> names) {
  for (const std::uint32_t i : hit_units_) {
    Entry& entry = entries_[i];
    if (entry.tool_ref.empty()) continue;
    for (const auto& [id, name] : names) {
      if (id == entry.tool_ref) entry.unit.tool_name_resolved = name;
    }
  }
}

void UnitBook::set_turn_begin(std::uint32_t message) {
  for (Entry& entry : entries_) entry.unit.turn_begin = message;
}

std::vector<policy::Tainted::Sighting> UnitBook::sightings() const {
  std::vector<policy::Tainted::Sighting> sightings;
  for (const std::uint32_t i : hit_units_) {
    for (const policy::Hit& hit : entries_[i].unit.hits) {
      if (hit.value == 0) continue;
      sightings.push_back({hit.value, hit.place, entries_[i].unit.point});
    }
  }
  return sightings;
}

void UnitBook::judge_definitions(policy::Hearing& hearing, wire::JsonReader& reader,
                                 std::vector<policy::Decision>& decisions) {
  for (Entry& entry : entries_) {
    // What only chooses among tools (tool_choice) has no name of its own.
    if (entry.unit.point != Point::ToolDefinition || entry.unit.tool_name.empty()) continue;
    if (entry.digest != nullptr) entry.unit.digest = entry.digest->finish(reader);
    hearing.judge_definition(entry.unit, decisions);
  }
}

bool UnitBook::any_unclear() const {
  return std::ranges::any_of(entries_,
                             [](const Entry& e) { return e.overflowed || e.contradicted; });
}

bool UnitBook::is_call(const Entry& entry) const {
  return phase_ == Phase::Response && entry.unit.point == Point::ToolCall;
}

void UnitBook::judge_all(policy::Hearing& hearing, const event::Usage* usage, bool finished,
                         std::vector<policy::Decision>& decisions) const {
  const std::size_t earlier = decisions.size();
  std::vector<std::uint32_t> order(hit_units_);
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].unit.hits.empty() && speaks(entries_[i], hearing)) order.push_back(i);
  }
  std::ranges::sort(order, {}, [this](std::uint32_t i) {
    return std::pair(check_rank(phase_, entries_[i].unit.point), i);
  });
  for (const std::uint32_t i : order) {
    const Entry& entry = entries_[i];
    if (is_call(entry) && hearing.judges_calls()) {
      judge_call(i, entry.complete || finished, hearing, decisions);
    } else if (entry.unit.point == Point::ToolCall) {
      hearing.judge_flow(entry.unit, true, decisions);
    }
    hearing.judge_findings(entry.unit, decisions);
    // The calls of a history, and what tools gave back, are texts of their own.
    const bool history = entry.unit.point == Point::ToolCall && phase_ == Phase::Request;
    if (hearing.judges_content() && (history || entry.unit.point == Point::ToolResult)) {
      hearing.judge_content(entry.unit, nullptr, decisions);
    }
  }
  if (phase_ == Phase::Request || finished) judge_content(hearing, usage, decisions);
  grant_released(std::span(decisions).subspan(earlier));
}

// There is something to say of a unit in which no detector found anything.
bool UnitBook::speaks(const Entry& entry, const policy::Hearing& hearing) const {
  if (is_call(entry)) return hearing.judges_calls() && entry.told;
  if (!hearing.judges_content()) return false;
  return entry.unit.point == Point::ToolCall
             ? !entry.unit.arguments.empty()
             : entry.unit.point == Point::ToolResult && !entry.unit.text.empty();
}

// What of the kept text is of the latest turn.
void UnitBook::append_turn(const Entry& entry, std::string& out) {
  for (std::size_t i = 0; i < entry.messages.size(); ++i) {
    const auto& [message, begin] = entry.messages[i];
    if (message < entry.unit.turn_begin) continue;
    const bool last = i + 1 == entry.messages.size();
    const std::size_t end = last ? entry.unit.text.size() : entry.messages[i + 1].second;
    out.append(entry.unit.text, begin, end - begin);
    if (last) out += '\n';
  }
}

// A request's prompt is one text, whatever it is made of.
policy::Unit UnitBook::whole_prompt() const {
  policy::Unit whole{.point = Point::Prompt, .phase = phase_};
  for (const Entry& entry : entries_) {
    if (entry.unit.point != Point::Prompt || entry.unit.text.empty()) continue;
    if (!whole.text.empty()) whole.text += '\n';
    whole.text += entry.unit.text;
    append_turn(entry, whole.turn_text);
  }
  return whole;
}

// An answer's text is one per choice.
void UnitBook::judge_content(policy::Hearing& hearing, const event::Usage* usage,
                             std::vector<policy::Decision>& decisions) const {
  if (!hearing.judges_content() || overflowed_) return;
  if (phase_ == Phase::Request) return hearing.judge_content(whole_prompt(), usage, decisions);
  bool judged = false;
  for (const Entry& entry : entries_) {
    const bool said = entry.unit.point == Point::ModelOutput || entry.unit.point == Point::Thought;
    if (!said || entry.unit.text.empty()) continue;
    hearing.judge_content(entry.unit, usage, decisions);
    judged = true;
  }
  const policy::Unit nothing{.point = Point::ModelOutput, .phase = phase_};
  if (!judged) hearing.judge_content(nothing, usage, decisions);
}

void UnitBook::judge_call(std::uint32_t unit, bool complete, policy::Hearing& hearing,
                          std::vector<policy::Decision>& decisions) const {
  const Entry& entry = entries_[unit];
  const std::size_t earlier = decisions.size();
  hearing.judge_call(entry.unit, complete, decisions);
  if (!entry.doubled_name.empty()) {
    policy::Unit other = entry.unit;
    other.tool_name = entry.doubled_name;
    hearing.judge_call(other, complete, decisions);
  }
  grant_released(std::span(decisions).subspan(earlier));
}

void UnitBook::judge_hit(std::uint32_t unit, const policy::Hit& hit, policy::Hearing& hearing,
                         std::vector<policy::Decision>& decisions) const {
  const std::size_t earlier = decisions.size();
  policy::Unit alone;
  alone.point = entries_[unit].unit.point;
  alone.phase = phase_;
  alone.tool_name = entries_[unit].unit.tool_name;
  alone.hits.push_back(hit);
  hearing.judge_findings(alone, decisions);
  if (alone.point == Point::ToolCall) hearing.judge_flow(alone, false, decisions);
  grant_released(std::span(decisions).subspan(earlier));
}

const policy::Decision* settling(std::span<const policy::Decision> decisions, bool confirm_allows) {
  const policy::Decision* confirm = nullptr;
  for (const policy::Decision& decision : decisions) {
    if (!decision.enforced || decision.granted) continue;
    if (decision.verdict == policy::Verdict::Block) return &decision;
    if (decision.verdict == policy::Verdict::Confirm && confirm == nullptr && !confirm_allows) {
      confirm = &decision;
    }
  }
  return confirm;
}

}  // namespace capsem::engine
