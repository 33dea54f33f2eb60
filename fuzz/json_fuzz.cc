// The strict JSON reader against simdjson's DOM.
//   What ours accepts, simdjson reads as the same tree (numbers beyond its types aside).
//   What simdjson accepts and ours refuses, ours refuses for a reason of its own (T05, T06).
//   Nodes cover the text: between them stand only names, space and punctuation.
#include <simdjson.h>

#include "core/wire/json.h"
#include "fuzz/support.h"

namespace capsem::fuzz {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using wire::JsonKind;
using wire::JsonNode;
using wire::JsonReader;

// Index behind the subtree of nodes[i], which must equal `other`.
std::size_t same_tree(std::span<const JsonNode> nodes, std::size_t i, element other) {
  const JsonNode& node = nodes[i];
  switch (node.kind) {
    case JsonKind::Null:
      check(other.is_null(), "null");
      break;
    case JsonKind::False:
      check(other.is_bool() && !other.get_bool().value(), "false");
      break;
    case JsonKind::True:
      check(other.is_bool() && other.get_bool().value(), "true");
      break;
    case JsonKind::Number:
      check(other.is_number(), "number");
      break;
    case JsonKind::String:
      check(other.is_string() && other.get_string().value() == node.text, "string");
      break;
    case JsonKind::Array: {
      check(other.is_array(), "array");
      std::size_t child = i + 1;
      for (const element item : other.get_array().value()) {
        check(child < node.next, "array: an element is missing");
        child = same_tree(nodes, child, item);
      }
      check(child == node.next, "array: an element too many");
      break;
    }
    case JsonKind::Object: {
      check(other.is_object(), "object");
      std::size_t child = i + 1;
      for (const auto& [key, value] : other.get_object().value()) {
        check(child < node.next && nodes[child].key == key, "object: a member differs");
        child = same_tree(nodes, child, value);
      }
      check(child == node.next, "object: a member too many");
      break;
    }
  }
  return node.next;
}

void covers(std::string_view text, std::span<const JsonNode> nodes) {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const JsonNode& node = nodes[i];
    check(node.begin < node.end && node.end <= text.size(), "a node's range");
    check(node.next > i && node.next <= nodes.size(), "a node's next");
    const auto raw = text.substr(node.begin, node.end - node.begin);
    switch (node.kind) {
      case JsonKind::String:
        check(raw.front() == '"' && raw.back() == '"', "string's raw");
        break;
      case JsonKind::Array:
        check(raw.front() == '[' && raw.back() == ']', "array's raw");
        break;
      case JsonKind::Object:
        check(raw.front() == '{' && raw.back() == '}', "object's raw");
        break;
      default:
        check(raw == node.text, "a scalar's text is its raw");
        break;
    }
    std::size_t at = node.begin;
    for (std::size_t child = i + 1; child < node.next; child = nodes[child].next) {
      check(nodes[child].begin > at && nodes[child].end < node.end, "a child within its parent");
      at = nodes[child].end;
    }
  }
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem;
  static wire::JsonReader reader;
  static simdjson::dom::parser dom;
  const auto text = fuzz::as_text(data, size);
  const fuzz::Padded padded(text, std::max(wire::JsonReader::kPadding, simdjson::SIMDJSON_PADDING));

  const Status status = reader.parse(padded.view());
  simdjson::dom::element root;
  const auto error = dom.parse(padded.view().data(), text.size(), false).get(root);
  if (status) {
    fuzz::covers(padded.view(), reader.nodes());
    const bool number_too_big =
        error == simdjson::NUMBER_ERROR || error == simdjson::NUMBER_OUT_OF_RANGE;
    fuzz::check(!error || number_too_big, "ours accepts what simdjson refuses");
    if (!error) {
      fuzz::check(fuzz::same_tree(reader.nodes(), 0, root) == reader.nodes().size(),
                  "trailing nodes");
    }
  } else {
    fuzz::check(reader.nodes().empty(), "nodes after an error");
    if (!error) {
      const std::string& why = status.error().detail;
      bool known = text.starts_with("\xEF\xBB\xBF");
      for (const char* reason : {"Duplicate member name", "Nested too deeply", "Too many values",
                                 "Number too long", "Invalid escape"}) {
        known = known || why.starts_with(reason);
      }
      if (!known) std::fprintf(stderr, "%s\n", why.c_str());
      fuzz::check(known, "ours refuses what simdjson accepts");
    }
  }
  return 0;
}
