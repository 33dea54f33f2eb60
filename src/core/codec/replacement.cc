#include "core/codec/replacement.h"

#include <algorithm>

#include "core/codec/denial.h"

namespace capsem::codec {

using wire::JsonKind;
using wire::JsonNode;

void ObjectWriter::name(std::string_view name) {
  if (!first_) out_ += ',';
  first_ = false;
  append_json_string(out_, name);
  out_ += ':';
}

ObjectWriter& ObjectWriter::text(std::string_view member, std::string_view value) {
  name(member);
  append_json_string(out_, value);
  return *this;
}

ObjectWriter& ObjectWriter::number(std::string_view member, std::uint64_t value) {
  return raw(member, std::to_string(value));
}

ObjectWriter& ObjectWriter::raw(std::string_view member, std::string_view json) {
  if (json.empty()) return *this;
  name(member);
  out_ += json;
  return *this;
}

std::string_view raw_member(const wire::JsonReader& json, std::uint32_t object,
                            std::string_view name) {
  const JsonNode* node = member_of(json.nodes(), object, name);
  return node == nullptr ? std::string_view()
                         : json.text().substr(node->begin, node->end - node->begin);
}

std::string_view text_member(const wire::JsonReader& json, std::uint32_t object,
                             std::string_view name) {
  const JsonNode* node = member_of(json.nodes(), object, name);
  return node == nullptr || node->kind != JsonKind::String ? std::string_view() : node->text;
}

void copy_members(const wire::JsonReader& json, std::span<const std::string_view> names, bool but,
                  ObjectWriter& out) {
  const Nodes nodes = json.nodes();
  if (nodes[0].kind != JsonKind::Object) return;
  for (std::uint32_t i = 1; i < nodes[0].next; i = nodes[i].next) {
    const bool named = std::ranges::find(names, nodes[i].key) != names.end();
    if (named == but) continue;
    out.raw(nodes[i].key, json.text().substr(nodes[i].begin, nodes[i].end - nodes[i].begin));
  }
}

StreamPosition::Choice* choice_of(StreamPosition& position, std::uint32_t index) {
  constexpr std::size_t kChoicesMax = 256;
  const auto found = std::ranges::find(position.choices, index, &StreamPosition::Choice::index);
  if (found != position.choices.end()) return &*found;
  if (position.choices.size() >= kChoicesMax) return nullptr;
  return &position.choices.emplace_back(StreamPosition::Choice{.index = index});
}

void track_envelope(const wire::JsonReader& json, std::uint32_t object, const EnvelopeNames& names,
                    StreamPosition& position) {
  if (const auto id = text_member(json, object, names.id); !id.empty()) position.id = id;
  if (const auto model = text_member(json, object, names.model); !model.empty()) {
    position.model = model;
  }
  const JsonNode* created = member_of(json.nodes(), object, names.created);
  if (created != nullptr && created->kind == JsonKind::Number) position.created = created->text;
}

}  // namespace capsem::codec
