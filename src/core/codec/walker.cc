// From the root to the fields. What happens at a field is in walker_leaf.cc.
#include "core/codec/walker.h"

#include <charconv>

#include "core/base/hash.h"
#include "core/codec/opaque.h"

namespace capsem::codec {
namespace {

using wire::JsonKind;
using wire::JsonNode;

constexpr std::uint64_t kScopeSeed = 0x5c09e;

}  // namespace

void Walker::read_request(event::RequestFacts& facts) {
  request_ = &facts;
  walk_root();
}

void Walker::read_response(event::ResponseFacts& facts) {
  response_ = &facts;
  walk_root();
}

void Walker::read_event(std::string_view name, event::ResponseFacts& facts) {
  response_ = &facts;
  stream_ = true;
  event_name_ = name;
  walk_root();
}

void Walker::walk_root() {
  if (nodes_.empty()) return;
  const Context root;
  if (nodes_[0].kind == JsonKind::Array) {
    // A list of what is otherwise single: Gemini's error bodies on array streams.
    std::uint32_t position = 0;
    for (std::uint32_t i = 1; i < nodes_[0].next; i = nodes_[i].next) {
      visit(i, trie_.root(), root, position++);
    }
  } else {
    visit(0, trie_.root(), root, kNoPosition);
  }
  for (std::size_t i = 0; i < ended_count_; ++i) sink_.on_scope_end(ended_[i]);
}

void Walker::visit(std::uint32_t at, const State& state, const Context& up,
                   std::uint32_t position) {
  if (state.fact != Fact::None) {
    if (request_ != nullptr) {
      note_request_fact(state.fact, nodes_, at, *request_);
    } else {
      note_response_fact(state.fact, nodes_, at, *response_);
    }
  }
  const JsonKind kind = nodes_[at].kind;
  if (kind <= JsonKind::True && state.leaf.field == kNoField) return;  // null, false, true
  // Most values of a stream event are ids and numbers: no place in the text is needed for them.
  if (state.is_opaque &&
      (kind < JsonKind::String || (kind == JsonKind::String && looks_opaque(nodes_[at].text)))) {
    return;
  }
  Context here = up;
  here.up = &up;
  here.node = at;
  here.position = position;
  if (state.fact == Fact::Messages && kind != JsonKind::Array) here.message = 0;
  if (state.begins_unit || state.begins_scope || !state.identities.empty()) enter(at, state, here);
  if (state.kind.field != kNoField && kind >= JsonKind::String) {
    tool_kind(at, state, here);
    if (kind == JsonKind::String && state.leaf.field == kNoField) return;
  }
  dispatch(at, state, here);
}

void Walker::dispatch(std::uint32_t at, const State& state, const Context& here) {
  switch (nodes_[at].kind) {
    case JsonKind::Null:
    case JsonKind::False:
    case JsonKind::True:
    case JsonKind::Number:
      if (state.leaf.field != kNoField) return leaf(at, state, here);
      return unknown_value(at, state, here);
    case JsonKind::String:
      if (state.leaf.field != kNoField) return leaf(at, state, here);
      if (state.has_elements()) return element(at, state, here, kNoPosition);
      return unknown_value(at, state, here);
    case JsonKind::Array:
      if (state.tokens != kNoField) tokens(at, here);
      if (state.has_elements()) return elements(at, state, here);
      if (state.leaf.field != kNoField) return leaf(at, state, here);
      return unknown_value(at, state, here);
    case JsonKind::Object:
      break;
  }
  if (const State* chosen = choose(at, state)) return visit(at, *chosen, here, kNoPosition);
  const bool whole = state.leaf.field != kNoField && !state.has_members() && !state.has_elements();
  if (whole) return leaf(at, state, here);
  if (state.has_members() || state.fallback != kNoState) return object(at, state, here);
  if (state.element != kNoState) return element(at, state, here, kNoPosition);
  if (state.leaf.field != kNoField) return leaf(at, state, here);
  unknown_value(at, state, here);
}

// Which of `[k=v]` the object is; nullptr when it is none.
const State* Walker::choose(std::uint32_t at, const State& state) const {
  if (state.selected.empty() || nodes_[at].kind != JsonKind::Object) return nullptr;
  const JsonNode* key = member_of(nodes_, at, state.selector);
  std::string_view value;
  if (key != nullptr) {
    value = key->text;
  } else if (at == 0) {
    value = event_name_;
  }
  const std::uint32_t to = state.selected.get(value);
  return to == kNoState ? nullptr : &trie_[to];
}

std::uint64_t Walker::identity_of(std::uint32_t at, std::string_view name,
                                  std::uint64_t missing) const {
  const JsonNode* node = member_of(nodes_, at, name);
  if (node == nullptr) return missing;
  std::uint64_t value = 0;
  const char* end = node->text.data() + node->text.size();
  const auto [stop, error] = std::from_chars(node->text.data(), end, value);
  if (error == std::errc() && stop == end) return value;
  return node->kind == JsonKind::String ? hash_bytes(node->text) : missing;
}

void Walker::enter(std::uint32_t at, const State& state, Context& here) {
  if (state.unit_is_numbered && stream_) {
    const std::uint64_t place = hash_combine(here.ids, state.unit_salt);
    here.ids = hash_combine(here.ids, number_unit(at, place, nodes_, *response_));
  }
  for (std::size_t i = 0;; ++i) {
    if (state.begins_scope && i == state.scope_identities) {
      here.scope = hash_combine(kScopeSeed, here.ids);
    }
    if (state.begins_unit && i == state.unit_identities) {
      here.unit = hash_combine(here.ids, state.unit_salt);
      // In a stream positions start again with each event.
      if (!stream_) here.unit = hash_combine(here.unit, here.places);
    }
    if (i == state.identities.size()) break;
    here.ids = hash_combine(here.ids, identity_of(at, state.identities[i], 0));
  }
  if (!state.begins_unit) return;
  if (nodes_[at].kind != JsonKind::Object) return;
  if (state.unknown_point == event::Point::ToolResult) here.tool_ref = tool_ref_of(nodes_, at);
  if (state.unknown_point == event::Point::ToolCall && request_ != nullptr) {
    note_tool_name(nodes_, at, *request_);
  }
}

void Walker::object(std::uint32_t at, const State& state, const Context& here) {
  const State* fallback = state.fallback == kNoState ? nullptr : &trie_[state.fallback];
  for (std::uint32_t i = at + 1; i < nodes_[at].next; i = nodes_[i].next) {
    const std::string_view key = nodes_[i].key;
    std::uint32_t to = state.members.get(key);
    if (to == kNoState && fallback != nullptr) to = fallback->members.get(key);
    if (to != kNoState) {
      visit(i, trie_[to], here, kNoPosition);
    } else if (state.any_member != kNoState) {
      const State& any = trie_[state.any_member];
      emit_name(i, any, here);
      Context inner = here;
      inner.ids = hash_combine(here.ids, hash_bytes(key));
      visit(i, any, inner, kNoPosition);
    } else {
      unknown_member(i, state, here);
    }
  }
}

void Walker::elements(std::uint32_t at, const State& state, const Context& here) {
  std::uint32_t position = 0;
  const bool may_be_tokens = state.tokens != kNoField;
  for (std::uint32_t i = at + 1; i < nodes_[at].next; i = nodes_[i].next) {
    const JsonKind kind = nodes_[i].kind;
    const bool token = may_be_tokens && (kind == JsonKind::Number || kind == JsonKind::Array);
    if (!token) element(i, state, here, position);
    ++position;
  }
}

// A `position` of kNoPosition means that the element stands where its array should.
void Walker::element(std::uint32_t at, const State& state, const Context& here,
                     std::uint32_t position) {
  const State* to = choose(at, state);
  if (to == nullptr && state.element != kNoState) to = &trie_[state.element];
  if (to == nullptr) return unknown_value(at, state, here);
  Context inner = here;
  std::uint64_t place = position == kNoPosition ? 0 : position;
  inner.places = hash_combine(here.places, place);
  if (state.fact == Fact::Messages) inner.message = static_cast<std::uint32_t>(place);
  if (to->identity == Identity::Member) {
    // Servers that leave the index out of a stream send each tool call whole, under its own id.
    if (stream_) place = identity_of(at, "id", place);
    inner.ids = hash_combine(here.ids, identity_of(at, to->identity_member, place));
  } else if (to->identity == Identity::Position && position != kNoPosition) {
    inner.ids = hash_combine(here.ids, place);
  }
  visit(at, *to, inner, position);
}

void Walker::unknown_member(std::uint32_t at, const State& state, const Context& here) {
  emit_name(at, state, here);
  unknown_value(at, state, here);
}

void Walker::unknown_value(std::uint32_t at, const State& state, const Context& here) {
  // In a stream a field nobody knows may arrive in pieces like any other: its strings continue each
  // other by their place. In a whole text one look at the raw value is enough.
  unknown_tree(at, state, here, hash_combine(here.ids, hash_bytes(nodes_[at].key, 0x756e6b)));
}

void Walker::unknown_tree(std::uint32_t at, const State& state, const Context& here,
                          std::uint64_t lane) {
  constexpr std::size_t kShortNumber = 6;  // digits that no detector is after
  const JsonNode& node = nodes_[at];
  switch (node.kind) {
    case JsonKind::Null:
    case JsonKind::False:
    case JsonKind::True:
      return;
    case JsonKind::Number:
      if (node.text.size() >= kShortNumber)
        emit_unknown(at, state, here, node.text, false, 0, event::Form::Slice);
      return;
    case JsonKind::String:
      if (!node.text.empty()) {
        emit_unknown(at, state, here, node.text, false, lane, event::Form::String);
      }
      return;
    case JsonKind::Array:
    case JsonKind::Object:
      break;
  }
  if (is_empty(at)) return;
  if (!stream_) return emit_unknown(at, state, here, raw(at), true, 0, event::Form::Slice);
  std::uint64_t position = 0;
  for (std::uint32_t i = at + 1; i < node.next; i = nodes_[i].next) {
    const std::string_view key = nodes_[i].key;
    emit_name(i, state, here);
    unknown_tree(i, state, here, hash_combine(lane, hash_bytes(key, ++position)));
  }
}

}  // namespace capsem::codec
