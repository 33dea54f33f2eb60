#include "tests/support/field_sample.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

namespace capsem::test {
namespace {

using codec::Field;
using codec::Treat;

// One thing around what comes further right in the path.
struct Layer {
  enum Kind { Member, AnyMember, Element, Select, Index } kind;
  std::string name;   // Member: its name; Select: the member that chooses; Index: its name
  std::string value;  // Select: the first alternative
};

std::string snake(std::string_view camel) {
  std::string out;
  for (const char c : camel) {
    if (c >= 'A' && c <= 'Z') {
      out += '_';
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c;
    }
  }
  return out;
}

// Splits at the dots that are not inside brackets.
std::vector<std::string> segments_of(std::string_view path) {
  std::vector<std::string> out(1);
  int depth = 0;
  for (const char c : path) {
    if (c == '[') ++depth;
    if (c == ']') --depth;
    if (c == '.' && depth == 0) {
      out.emplace_back();
    } else {
      out.back() += c;
    }
  }
  return out;
}

// The value `alternative` of "a|b|c", or the last.
std::string pick(std::string_view values, std::size_t alternative) {
  for (; alternative > 0 && values.find('|') != std::string_view::npos; --alternative) {
    values.remove_prefix(values.find('|') + 1);
  }
  return std::string(values.substr(0, values.find('|')));
}

void add_bracket(std::vector<Layer>& layers, std::string inside, bool on_root,
                 std::size_t alternative) {
  if (inside.starts_with('+')) inside.erase(0, 1);
  const auto equals = inside.find('=');
  if (!on_root) layers.push_back({Layer::Element, "", ""});
  if (equals != std::string::npos) {
    layers.push_back(
        {Layer::Select, inside.substr(0, equals), pick(inside.substr(equals + 1), alternative)});
  } else if (inside.starts_with('#')) {
    layers.push_back({Layer::Index, inside.substr(1), ""});
  }
}

std::vector<Layer> layers_of(std::string_view path, Spelling spelling, std::size_t alternative) {
  std::vector<Layer> layers;
  for (const std::string& segment : segments_of(path)) {
    const auto end = segment.find_first_of("[!@#");
    const std::string name = segment.substr(0, end);
    const bool root = name == "$";
    const bool in_chosen = !layers.empty() && layers.back().kind >= Layer::Select;
    if (name == "*" || (name == "**" && in_chosen)) {
      layers.push_back({Layer::AnyMember, "any_member", ""});
    } else if (!root && name != "**") {
      layers.push_back({Layer::Member, spelling == Spelling::Snake ? snake(name) : name, ""});
    }
    for (std::size_t at = end; at != std::string::npos && at < segment.size();) {
      if (segment[at] == '[') {
        const auto close = segment.find(']', at);
        add_bracket(layers, segment.substr(at + 1, close - at - 1), root, alternative);
        at = close + 1;
      } else {
        auto stop = segment.find_first_of("[!@#", at + 1);
        if (stop == std::string::npos) stop = segment.size();
        if (segment[at] == '#') {
          layers.push_back({Layer::Index, segment.substr(at + 1, stop - at - 1), ""});
        }
        at = stop;
      }
    }
  }
  return layers;
}

std::string quoted(std::string_view text) {
  return "\"" + std::string(text) + "\"";
}

std::string value_of(const Field& field, std::string_view word) {
  switch (field.treat) {
    case Treat::Json:
      return R"({"a key":["x",)" + quoted(word) + "]}";
    case Treat::Keys:
      return "{" + quoted(word) + ":-0.5}";
    case Treat::Tokens:
      return "[1,2,3]";
    case Treat::Bytes: {
      std::string out = "[";
      for (const char c : word) {
        if (out.size() > 1) out += ',';
        out += std::to_string(static_cast<unsigned char>(c));
      }
      return out + "]";
    }
    default:
      return quoted(word);
  }
}

// The members that stand beside the next one in the same object.
std::string wrap(const std::vector<Layer>& layers, std::string inner, std::string beside) {
  for (auto layer = layers.rbegin(); layer != layers.rend(); ++layer) {
    switch (layer->kind) {
      case Layer::Member:
      case Layer::AnyMember: {
        const std::string own = layer->name;
        inner = beside + quoted(own) + ":" + inner;
        beside.clear();
        // Selectors and indexes further left belong to the same object.
        auto next = layer + 1;
        for (; next != layers.rend(); ++next) {
          if (next->kind == Layer::Select) {
            const bool is_the_field = next->name == own;
            const bool literal = next->value == "true";
            if (!next->value.empty() && !is_the_field) {
              inner = quoted(next->name) + ":" + (literal ? next->value : quoted(next->value)) +
                      "," + inner;
            }
          } else if (next->kind == Layer::Index) {
            const bool is_the_field = next->name == own;
            const bool text = next->name == "jsonPath" || next->name == "json_path";
            if (!is_the_field) {
              inner = quoted(next->name) + (text ? ":\"$.a\"," : ":3,") + inner;
            }
          } else {
            break;
          }
        }
        inner = "{" + inner + "}";
        layer = next - 1;
        break;
      }
      case Layer::Element:
        inner = "[" + inner + "]";
        break;
      case Layer::Select:
      case Layer::Index:
        std::abort();  // a selector with nothing below it
    }
  }
  return inner;
}

}  // namespace

std::string sample_json(const Field& field, std::string_view word, Spelling spelling,
                        std::size_t alternative) {
  return wrap(layers_of(field.path, spelling, alternative), value_of(field, word), "");
}

std::size_t alternatives_of(const Field& field) {
  std::size_t most = 1, here = 1;
  for (const char c : field.path) {
    if (c == '[') here = 1;
    if (c == '|') most = std::max(most, ++here);
  }
  return most;
}

std::string sample_with_unknown(const Field& field, std::string_view unknown_name,
                                std::string_view word) {
  const auto layers = layers_of(field.path, Spelling::AsWritten, 0);
  if (layers.empty() || layers.back().kind != Layer::Member) return "";
  return wrap(layers, "null", quoted(unknown_name) + ":" + quoted(word) + ",");
}

std::string sample_event_name(const Field& field, std::size_t alternative) {
  constexpr std::string_view kSelector = "$[type=";
  if (!field.path.starts_with(kSelector)) return "";
  const std::string_view names = field.path.substr(kSelector.size());
  return pick(names.substr(0, names.find(']')), alternative);
}

}  // namespace capsem::test
