#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <sstream>
#include <utility>

#include "core/policy/source_tree.h"

namespace capsem::policy {
namespace {

// A place that the parser does not know (a table that only its members' headers name) is the start
// of the file.
Place place_in(const toml::source_region& region) {
  return {std::max<std::uint32_t>(region.begin.line, 1),
          std::max<std::uint32_t>(region.begin.column, 1)};
}

std::string text_of(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return fmt::format("{}", value);
}

struct TooDeep {
  Place place;
};

SourceNode convert(const toml::node& node, std::size_t depth) {
  SourceNode out;
  out.place = place_in(node.source());
  if (depth > SourceTree::kDepthMax) throw TooDeep{out.place};
  if (const auto* table = node.as_table()) {
    out.kind = SourceNode::Kind::Table;
    for (const auto& [key, value] : *table) {
      out.members.push_back(
          {std::string(key.str()), place_in(key.source()), convert(value, depth + 1)});
    }
    // The parser keeps members by name; whoever reads them wants them as they were written.
    std::ranges::stable_sort(out.members, {}, [](const SourceMember& m) {
      return std::pair(m.place.line, m.place.column);
    });
  } else if (const auto* array = node.as_array()) {
    out.kind = SourceNode::Kind::List;
    for (const toml::node& item : *array) out.items.push_back(convert(item, depth + 1));
  } else if (const auto* string = node.as_string()) {
    out.kind = SourceNode::Kind::String;
    out.text = string->get();
  } else if (const auto* boolean = node.as_boolean()) {
    out.kind = SourceNode::Kind::Bool;
    out.truth = boolean->get();
    out.text = out.truth ? "true" : "false";
  } else if (const auto* integer = node.as_integer()) {
    out.kind = SourceNode::Kind::Integer;
    out.text = fmt::format("{}", integer->get());
  } else if (const auto* number = node.as_floating_point()) {
    out.kind = SourceNode::Kind::Float;
    out.text = text_of(number->get());
  } else if (const auto* date = node.as_date()) {
    out.kind = SourceNode::Kind::String;
    out.text =
        fmt::format("{:04}-{:02}-{:02}", date->get().year, date->get().month, date->get().day);
  } else {
    out.kind = SourceNode::Kind::String;
    std::ostringstream text;
    text << toml::node_view<const toml::node>(node);
    out.text = text.str();
  }
  return out;
}

}  // namespace

SourceTree read_toml(std::string_view text) {
  SourceTree tree;
  try {
    const toml::table root = toml::parse(text);
    tree.root = convert(root, 0);
  } catch (const TooDeep& deep) {
    tree.root = {};
    tree.error =
        SyntaxError{deep.place, fmt::format("nested deeper than {}", SourceTree::kDepthMax)};
  } catch (const toml::parse_error& error) {
    tree.error = SyntaxError{place_in(error.source()), std::string(error.description())};
  } catch (const std::exception& error) {
    tree.error = SyntaxError{{}, error.what()};
  }
  tree.root.place = {};
  return tree;
}

}  // namespace capsem::policy
