#include "core/policy/pins.h"

#include <algorithm>
#include <vector>

#include "core/base/sha256.h"

namespace capsem::policy {
namespace {

using wire::JsonKind;

void append_part(std::string& out, std::string_view part) {
  out += std::to_string(part.size());
  out += ':';
  out += part;
}

void append_canonical(std::string& out, std::span<const wire::JsonNode> nodes, std::size_t at,
                      std::string_view without) {
  const wire::JsonNode& node = nodes[at];
  if (node.kind != JsonKind::Object && node.kind != JsonKind::Array) {
    out += node.kind == JsonKind::String ? 's' : 'v';
    return append_part(out, node.text);
  }
  std::vector<std::size_t> children;
  const bool object = node.kind == JsonKind::Object;
  for (std::size_t i = at + 1; i < node.next; i = nodes[i].next) {
    if (object && !without.empty() && nodes[i].key.starts_with(without)) continue;
    children.push_back(i);
  }
  if (object) std::ranges::sort(children, {}, [&](std::size_t i) { return nodes[i].key; });
  out += object ? '{' : '[';
  for (const std::size_t i : children) {
    if (object) append_part(out, nodes[i].key);
    append_canonical(out, nodes, i, {});
  }
  out += object ? '}' : ']';
}

}  // namespace

std::string canonical_json(std::string_view json, wire::JsonReader& reader,
                           std::string_view without) {
  std::string padded;
  padded.reserve(json.size() + wire::JsonReader::kPadding);
  padded = json;
  if (!reader.parse(padded)) return "raw" + std::string(json);
  std::string canonical = "json";
  append_canonical(canonical, reader.nodes(), 0, without);
  return canonical;
}

void DefinitionDigest::add(const event::Text& text) {
  switch (text.part) {
    case event::Part::ToolName:
      name_ += text.text;
      break;
    case event::Part::Description:
      description_ += text.text;
      break;
    case event::Part::Schema:
      // A schema is one value in some dialects, several members in others.
      append_part(schema_, text.text);
      break;
    default:
      append_part(rest_, text.text);
  }
}

std::string DefinitionDigest::finish(wire::JsonReader& reader) const {
  std::string all;
  append_part(all, name_);
  append_part(all, description_);
  append_part(all, rest_);
  for (std::string_view parts = schema_; !parts.empty();) {
    const auto colon = parts.find(':');
    const auto size = static_cast<std::size_t>(std::stoull(std::string(parts.substr(0, colon))));
    append_part(all, canonical_json(parts.substr(colon + 1, size), reader));
    parts.remove_prefix(colon + 1 + size);
  }
  return sha256_hex(all);
}

}  // namespace capsem::policy
