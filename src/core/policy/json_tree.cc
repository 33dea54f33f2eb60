#include <charconv>
#include <utility>

#include "core/policy/source_tree.h"
#include "core/wire/json.h"

namespace capsem::policy {
namespace {

using wire::JsonKind;
using wire::JsonNode;

// Lines and columns of offsets that only grow: the whole text is walked once.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  Place at(std::size_t offset) {
    for (; at_ < offset && at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') {
        ++place_.line;
        place_.column = 1;
      } else if ((static_cast<unsigned char>(text_[at_]) & 0xC0) != 0x80) {
        ++place_.column;
      }
    }
    return place_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  Place place_;
};

class JsonTreeBuilder {
 public:
  JsonTreeBuilder(std::string_view text, std::span<const JsonNode> nodes)
      : text_(text), nodes_(nodes), places_(text) {}

  // Recursion is as deep as the reader's depth_max allows.
  SourceNode build(std::size_t index) {
    const JsonNode& node = nodes_[index];
    SourceNode out;
    out.place = places_.at(node.begin);
    out.text = node.text;
    switch (node.kind) {
      case JsonKind::Null:
        out.text.clear();
        break;
      case JsonKind::False:
      case JsonKind::True:
        out.kind = SourceNode::Kind::Bool;
        out.truth = node.kind == JsonKind::True;
        break;
      case JsonKind::Number:
        out.kind = node.text.find_first_of(".eE") == std::string_view::npos
                       ? SourceNode::Kind::Integer
                       : SourceNode::Kind::Float;
        break;
      case JsonKind::String:
        out.kind = SourceNode::Kind::String;
        break;
      case JsonKind::Array:
        out.kind = SourceNode::Kind::List;
        for (std::size_t i = index + 1; i < node.next; i = nodes_[i].next) {
          out.items.push_back(build(i));
        }
        break;
      case JsonKind::Object:
        out.kind = SourceNode::Kind::Table;
        build_members(index, out);
        break;
    }
    return out;
  }

 private:
  void build_members(std::size_t index, SourceNode& out) {
    std::size_t from = nodes_[index].begin + 1;
    for (std::size_t i = index + 1; i < nodes_[index].next; i = nodes_[i].next) {
      // Between two members stand white space and a comma, then the key's quote.
      const Place key_place = places_.at(text_.find('"', from));
      out.members.push_back({std::string(nodes_[i].key), key_place, build(i)});
      from = nodes_[i].end;
    }
  }

  std::string_view text_;
  std::span<const JsonNode> nodes_;
  Places places_;
};

// The reader's sentences end in "(at byte N)".
SyntaxError syntax_error(std::string_view text, const Error& error) {
  constexpr std::string_view kMark = " (at byte ";
  const auto mark = error.detail.rfind(kMark);
  if (mark == std::string::npos) return {{}, error.detail};
  std::size_t offset = 0;
  const char* digits = error.detail.data() + mark + kMark.size();
  std::from_chars(digits, error.detail.data() + error.detail.size(), offset);
  return {place_of(text, offset), error.detail.substr(0, mark)};
}

}  // namespace

SourceTree read_json(std::string_view text) {
  SourceTree tree;
  std::string padded;
  padded.reserve(text.size() + wire::JsonReader::kPadding);
  padded = text;
  wire::JsonReader reader({.depth_max = SourceTree::kDepthMax});
  if (auto read = reader.parse(padded); !read) {
    tree.error = syntax_error(text, read.error());
    return tree;
  }
  tree.root = JsonTreeBuilder(padded, reader.nodes()).build(0);
  return tree;
}

}  // namespace capsem::policy
