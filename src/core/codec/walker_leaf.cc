// What a field's text is and how it is told.
#include <algorithm>
#include <vector>

#include "core/base/hash.h"
#include "core/codec/attachment.h"
#include "core/codec/opaque.h"
#include "core/codec/tool_kind.h"
#include "core/codec/walker.h"

namespace capsem::codec {
namespace {

using event::Part;
using event::Point;
using wire::JsonKind;
using wire::JsonNode;

constexpr std::size_t kWordBytesMax = 256;
constexpr std::uint64_t kKindSalt = 0x6b696e64;

// Members nobody knows are no arguments of a call: what is asked of its arguments must see these
// alone.
Part part_of(Point point) {
  return point == Point::ToolDefinition ? Part::Schema : Part::Text;
}

std::string_view last_name(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return path.substr(dot == std::string_view::npos ? 0 : dot + 1);
}

// What kind of thing could not be read, in one word.
std::string_view media_kind(std::string_view mime, std::string_view path) {
  for (const std::string_view kind : {"image", "audio", "video"}) {
    if (mime.starts_with(kind)) return kind;
  }
  if (!mime.empty()) return "file";
  for (const std::string_view kind : {"image", "audio", "video"}) {
    if (path.find(kind) != std::string_view::npos) return kind;
  }
  return "file";
}

// Decoded text lives here until the next one; texts are only lent to the sink.
std::string& scratch() {
  thread_local std::string buffer;
  return buffer;
}

}  // namespace

std::string_view Walker::raw(std::uint32_t at) const {
  return json_.text().substr(nodes_[at].begin, nodes_[at].end - nodes_[at].begin);
}

std::uint64_t Walker::unit_of(Point point, const Context& here) const {
  // All of a request's prompt is judged as one.
  const std::uint64_t base = static_cast<std::uint64_t>(point) + 1;
  return point == Point::Prompt ? base : hash_combine(base, here.unit);
}

void Walker::emit_leaf(std::uint32_t at, const Leaf& leaf, const Context& here,
                       std::string_view text, bool json, event::Form form) {
  if (text.empty()) return;
  const Field& field = fields_[leaf.field];
  event::Text out;
  out.point = field.point;
  out.part = field.part;
  out.form = form;
  out.json = json;
  out.repeat = field.repeat;
  out.field = leaf.field;
  if (!leaf.alone) {
    const std::uint64_t lane = hash_combine(leaf.label, here.ids);
    const bool whole_repeat = field.repeat && leaf.label != leaf.own_label;
    (whole_repeat ? out.repeats_lane : out.lane) = lane;
  }
  out.unit = unit_of(field.point, here);
  out.scope = here.scope;
  if (request_ != nullptr) out.message = here.message;
  out.text = text;
  out.tool_ref = here.tool_ref;
  out.raw = {nodes_[at].begin, nodes_[at].end};
  sink_.on_text(out);
}

void Walker::emit_unknown(std::uint32_t at, const State& state, const Context& here,
                          std::string_view text, bool json, std::uint64_t lane, event::Form form) {
  event::Text out;
  out.point = state.unknown_point;
  out.part = part_of(state.unknown_point);
  out.form = form;
  out.json = json;
  out.field = kUnknownField;
  out.lane = lane;
  out.unit = unit_of(state.unknown_point, here);
  out.scope = here.scope;
  if (request_ != nullptr) out.message = here.message;
  out.text = text;
  out.tool_ref = here.tool_ref;
  out.raw = {nodes_[at].begin, nodes_[at].end};
  sink_.on_text(out);
}

void Walker::leaf(std::uint32_t at, const State& state, const Context& here) {
  switch (fields_[state.leaf.field].treat) {
    case Treat::Text:
    case Treat::Json:
      return plain(at, state, here);
    case Treat::Opaque:
      return opaque(at, state, here);
    case Treat::End:
      if (nodes_[at].kind != JsonKind::Null) end_scope(here.scope);
      return opaque(at, state, here);
    case Treat::Blob:
      return blob(at, state, here);
    case Treat::Media:
      attachment(at, here);
      return media(at, state, here);
    case Treat::Bytes:
      return bytes(at, state, here);
    case Treat::Keys:
      return keys(at, state, here);
    case Treat::Unseen:
      if (last_name(fields_[state.leaf.field].path) == "file_id") attachment(at, here);
      return unseen(at, state, here);
    case Treat::Tokens:
      return tokens(at, here);
    case Treat::Kind:
      return;  // told before
  }
}

void Walker::plain(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  switch (node.kind) {
    case JsonKind::Null:
    case JsonKind::False:
    case JsonKind::True:
      return;
    case JsonKind::Number:
      return emit(at, state, here, node.text, false);
    case JsonKind::String:
      return emit(at, state, here, node.text, fields_[state.leaf.field].treat == Treat::Json);
    case JsonKind::Array:
    case JsonKind::Object:
      if (!is_empty(at)) emit(at, state, here, raw(at), true);
  }
}

void Walker::opaque(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (stream_ && fields_[state.leaf.field].point == event::Point::ToolCall) {
    mention_call(at, state, here);
  }
  if (node.kind == JsonKind::String) {
    // A model's name decides where the request goes: nothing else can stand in its place.
    const event::Form form = state.fact == Fact::Model ? event::Form::Derived : form_of(at);
    if (!looks_opaque(node.text)) emit(at, state, here, node.text, false, form);
    return;
  }
  for (std::uint32_t i = at; i < node.next; ++i) {
    const JsonNode& inner = nodes_[i];
    const bool reads = inner.kind == JsonKind::String && !looks_opaque(inner.text);
    if (reads || (i > at && !looks_opaque(inner.key))) return emit(at, state, here, raw(at), true);
  }
}

void Walker::mention_call(std::uint32_t at, const State& state, const Context& here) {
  event::Text mention;
  mention.point = event::Point::ToolCall;
  mention.field = state.leaf.field;
  mention.unit = unit_of(event::Point::ToolCall, here);
  mention.scope = here.scope;
  mention.raw = {nodes_[at].begin, nodes_[at].end};
  sink_.on_call_mention(mention);
}

void Walker::blob(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (node.kind != JsonKind::String) return opaque(at, state, here);
  if (node.text.empty()) return;
  if (!looks_like_base64(node.text) && !looks_like_name(node.text)) {
    return emit(at, state, here, node.text, false);
  }
  unchecked(at, here, last_name(fields_[state.leaf.field].path));
}

void Walker::media(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (node.kind != JsonKind::String) return plain(at, state, here);
  if (node.text.empty()) return;
  const std::string_view path = fields_[state.leaf.field].path;
  std::string& decoded = scratch();

  DataUrl url;
  if (parse_data_url(node.text, url)) {
    const bool text = url.mime.empty() || is_text_mime(url.mime);
    if (text && !url.base64) {
      decode_percent(url.data, decoded);
      return emit(at, state, here, decoded, false, event::Form::Derived);
    }
    if (text && decode_base64(url.data, decoded)) {
      return emit(at, state, here, decoded, false, event::Form::Derived);
    }
    if (url.base64 && looks_like_base64(url.data)) {
      return unchecked(at, here, media_kind(url.mime, path));
    }
    return emit(at, state, here, node.text, false);
  }
  if (!looks_like_base64(node.text)) {
    // An address, or a text: what can be read is read; what it points to has not been seen.
    emit(at, state, here, node.text, false);
    if (node.text.find("://") != std::string_view::npos) {
      unchecked(at, here, media_kind({}, path));
    }
    return;
  }
  // Bare base64: its kind stands beside it.
  std::string_view mime;
  for (const std::string_view name : {"mimeType", "mime_type", "media_type"}) {
    const JsonNode* beside = here.up == nullptr ? nullptr : member_of(nodes_, here.up->node, name);
    if (beside != nullptr) mime = beside->text;
  }
  const bool readable = decode_base64(node.text, decoded) &&
                        (is_text_mime(mime) || (mime.empty() && is_readable(decoded)));
  if (readable) return emit(at, state, here, decoded, false, event::Form::Derived);
  // A word can be spelled in base64's alphabet; media that short say nothing else.
  if (node.text.size() <= kWordBytesMax) emit(at, state, here, node.text, false);
  unchecked(at, here, media_kind(mime, path));
}

void Walker::attachment(std::uint32_t at, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (request_ == nullptr || node.kind < JsonKind::String || (node.text.empty() && is_empty(at))) {
    return;
  }
  // A place entered twice (a selector) is one object.
  std::uint32_t objects[2] = {};
  std::size_t count = 0;
  std::uint32_t last = at;
  for (const Context* c = here.up; c != nullptr && count < 2; c = c->up) {
    if (c->node != last && nodes_[c->node].kind == JsonKind::Object) objects[count++] = c->node;
    last = c->node;
  }
  note_attachment(nodes_, {at, objects[0], objects[1]}, *request_);
}

// logprobs[].bytes: the token's bytes as numbers.
void Walker::bytes(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (node.kind != JsonKind::Array) return plain(at, state, here);
  std::string& decoded = scratch();
  decoded.clear();
  for (std::uint32_t i = at + 1; i < node.next; ++i) {
    unsigned value = 0;
    for (const char c : nodes_[i].text) {
      value =
          c >= '0' && c <= '9' && value < 256 ? value * 10 + static_cast<unsigned>(c - '0') : 256;
    }
    if (nodes_[i].kind != JsonKind::Number || value > 255) return plain(at, state, here);
    decoded += static_cast<char>(value);
  }
  emit(at, state, here, decoded, false, event::Form::Spelled);
}

// Each name is the token of one rank: names of the same rank continue each other.
void Walker::keys(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  if (node.kind != JsonKind::Object) return plain(at, state, here);
  Context rank = here;
  std::uint64_t position = 0;
  for (std::uint32_t i = at + 1; i < node.next; i = nodes_[i].next) {
    rank.ids = hash_combine(here.ids, position++);
    emit(i, state, rank, nodes_[i].key, false, event::Form::Name);
    if (nodes_[i].kind >= JsonKind::String) plain(i, state, rank);
  }
}

void Walker::unseen(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  const bool says_something = (node.kind == JsonKind::String && !node.text.empty()) ||
                              (node.kind >= JsonKind::Array && !is_empty(at));
  if (!says_something) return;
  unchecked(at, here, last_name(fields_[state.leaf.field].path));
  opaque(at, state, here);
}

// A list that holds token ids, alone or among strings.
void Walker::tokens(std::uint32_t at, const Context& here) {
  for (std::uint32_t i = at + 1; i < nodes_[at].next; i = nodes_[i].next) {
    const JsonKind kind = nodes_[i].kind;
    if (kind != JsonKind::Number && kind != JsonKind::Array) continue;
    if (request_ != nullptr) request_->has_token_arrays = true;
    return unchecked(at, here, "token_ids");
  }
}

void Walker::tool_kind(std::uint32_t at, const State& state, const Context& here) {
  const JsonNode& node = nodes_[at];
  const bool is_text = node.kind == JsonKind::String;
  const std::string_view kind = is_text ? node.text : node.key;
  Context named = here;
  const bool defined = fields_[state.kind.field].point == Point::ToolDefinition;
  if (is_text && defined && !name_of_tool(nodes_, here.up->node).empty()) {
    if (names_itself(kind)) return;
    // What it is called beside its kind does not hide the kind: two units, two names.
    named.unit = hash_combine(here.unit, kKindSalt);
  }
  std::string& name = scratch();
  name = name_of_kind(kind);
  emit_leaf(at, state.kind, named, name, false, event::Form::Derived);
}

void Walker::end_scope(std::uint64_t scope) {
  const bool known = std::find(ended_, ended_ + ended_count_, scope) != ended_ + ended_count_;
  if (!known && ended_count_ < kEndsMax) ended_[ended_count_++] = scope;
}

void Walker::unchecked(std::uint32_t at, const Context& here, std::string_view reason) {
  // From the value up to the root; a place entered twice (a selector) counts once.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> places;
  if (here.node != at) places.emplace_back(at, kNoPosition);
  for (const Context* c = &here; c != nullptr; c = c->up) {
    if (!places.empty() && places.back().first == c->node) {
      if (c->position != kNoPosition) places.back().second = c->position;
    } else {
      places.emplace_back(c->node, c->position);
    }
  }
  std::string path;
  for (auto place = places.rbegin(); place != places.rend(); ++place) {
    if (place->second != kNoPosition) {
      path += '[';
      path += std::to_string(place->second);
      path += ']';
    } else if (const std::string_view key = nodes_[place->first].key; !key.empty()) {
      if (!path.empty()) path += '.';
      path += key;
    }
  }
  sink_.on_unchecked(path, reason);
}

}  // namespace capsem::codec
