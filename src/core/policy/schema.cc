#include "core/policy/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "core/policy/condition_reader.h"
#include "core/policy/native_keys.h"

namespace capsem::policy {
namespace {

// Just enough of JSON to write some: a scalar as it is printed, or members in their order, or
// items.
struct Json {
  std::string scalar{};
  std::vector<std::pair<std::string, Json>> members{};
  std::vector<Json> items{};
  bool list = false;

  Json& set(std::string_view key, Json value) {
    members.emplace_back(key, std::move(value));
    return *this;
  }
};

Json raw(std::string text) {
  return {.scalar = std::move(text)};
}

// Nothing in the tables needs more than these two escapes.
Json text(std::string_view value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return raw(out + '"');
}

Json number(std::int64_t value) {
  return raw(fmt::format("{}", value));
}

Json list_of(std::vector<Json> items) {
  return {.items = std::move(items), .list = true};
}

template <class Range>
Json texts(const Range& values) {
  std::vector<Json> items;
  for (const auto& value : values) items.push_back(text(value));
  return list_of(std::move(items));
}

Json object() {
  return {};
}

Json type(std::string_view name) {
  return object().set("type", text(name));
}

Json defined(std::string_view name) {
  return object().set("$ref", text(fmt::format("#/$defs/{}", name)));
}

Json any_of(std::vector<Json> choices) {
  return object().set("anyOf", list_of(std::move(choices)));
}

Json array_of(Json items) {
  return type("array").set("items", std::move(items));
}

Json one_or_many(Json item) {
  return any_of({item, array_of(item)});
}

// A word as a pattern that takes it in any letter case.
std::string any_case(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c >= 'a' && c <= 'z') {
      out += fmt::format("[{}{}]", c, static_cast<char>(c - 'a' + 'A'));
    } else {
      out += c;
    }
  }
  return out;
}

// Words that the loader takes in any letter case: to complete, and to accept.
Json words_of_any_case(std::span<const std::string_view> words, std::string_view maybe_before) {
  std::vector<std::string> all(words.begin(), words.end());
  std::string pattern;
  for (const std::string_view word : words) {
    if (!maybe_before.empty()) all.push_back(fmt::format("{}{}", maybe_before, word));
    pattern += (pattern.empty() ? "" : "|") + any_case(word);
  }
  const std::string before =
      maybe_before.empty() ? std::string() : fmt::format("({})?", any_case(maybe_before));
  return any_of({object().set("enum", texts(all)),
                 type("string").set("pattern", text(fmt::format("^{}({})$", before, pattern)))});
}

Json table_of(std::span<const KeyInfo> keys);

Json shape_of(const KeyInfo& key) {
  switch (key.shape) {
    case Shape::Flag:
      return type("boolean");
    case Shape::Name:
      return type("string")
          .set("minLength", number(1))
          .set("maxLength", number(std::int64_t{kNameBytesMax}));
    case Shape::Word:
      return object().set("enum", texts(key.words));
    case Shape::Words:
      return one_or_many(object().set("enum", texts(key.words)));
    case Shape::Verdict:
      return defined("verdict");
    case Shape::Verdicts: {
      Json verdicts;
      for (const std::string_view word : key.all_words()) verdicts.set(word, defined("verdict"));
      return type("object")
          .set("additionalProperties", raw("false"))
          .set("properties", std::move(verdicts));
    }
    case Shape::Texts:
      return defined("texts");
    case Shape::Globs:
      return defined("globs");
    case Shape::Date:
      // TOML's own dates too, which editors show to schemas as strings.
      return type("string").set("pattern", text("^[0-9]{4}-[0-9]{2}-[0-9]{2}$"));
    case Shape::Whole:
      return type("integer").set("minimum", number(key.min)).set("maximum", number(key.max));
    case Shape::Priority:
      return type("integer").set(
          "anyOf", list_of({object().set("minimum", number(-1000)).set("maximum", number(-10)),
                            object().set("minimum", number(10)).set("maximum", number(1000))}));
    case Shape::Share:
      return type("number").set("minimum", number(0)).set("maximum", number(1));
    case Shape::Money:
      return any_of({type("number").set("minimum", number(0)),
                     type("string").set("pattern", text("^[0-9]{1,12}(\\.[0-9]+)?$"))});
    case Shape::Field:
      return defined("field");
    case Shape::Operator:
      return defined("operator");
    case Shape::When:
      return any_of({defined("when"), array_of(defined("condition"))});
    case Shape::Conditions:
      return array_of(defined("condition"));
    case Shape::Scalar:
      return defined("scalar");
    case Shape::Value:
      return one_or_many(defined("scalar"));
    case Shape::Table:
      return table_of(key.members);
    case Shape::Tables:
      return array_of(key.name == "policy" ? defined("policy") : table_of(key.members));
    case Shape::Text:
    case Shape::Type:
    case Shape::Ignored:
      break;
  }
  return type("string");
}

Json table_of(std::span<const KeyInfo> keys) {
  Json properties;
  std::vector<std::string_view> required;
  for (const KeyInfo& key : keys) {
    Json shape = shape_of(key);
    if (!key.doc.empty()) shape.set("description", text(key.doc));
    properties.set(key.name, std::move(shape));
    if (key.required) required.push_back(key.name);
  }
  Json table = type("object").set("additionalProperties", raw("false"));
  if (!required.empty()) table.set("required", texts(required));
  return table.set("properties", std::move(properties));
}

Json policy_of(const PolicyType& policy_type) {
  const std::vector<KeyInfo> keys = keys_of(policy_type);
  Json table = table_of(keys);
  for (auto& [name, value] : table.members) {
    if (name != "properties") continue;
    for (auto& [key, shape] : value.members) {
      if (key != "type") continue;
      shape =
          object().set("const", text(policy_type.name)).set("description", text(policy_type.doc));
    }
  }
  return table;
}

// Fields whose name ends in a dot take any name behind it.
Json field_schema() {
  std::vector<std::string_view> fixed;
  std::string open;
  for (const std::string_view name : field_names()) {
    if (!name.ends_with('.')) {
      fixed.push_back(name);
      continue;
    }
    if (!open.empty()) open += '|';
    for (const char c : name) open += c == '.' ? std::string("\\.") : std::string(1, c);
  }
  return any_of({object().set("enum", texts(fixed)),
                 type("string").set("pattern", text(fmt::format("^({}).", open)))});
}

Json definitions() {
  Json defs;
  defs.set("scalar", object().set("type", texts(std::vector{"string", "number", "boolean"})));
  defs.set("glob", type("string")
                       .set("minLength", number(1))
                       .set("description",
                            text("* any text, / included; ? one character; [a-z] one of a set")));
  defs.set("globs", one_or_many(defined("glob")));
  defs.set("texts", one_or_many(type("string")));
  defs.set("verdict", words_of_any_case(verdict_words(), {}));
  defs.set("field", field_schema());
  defs.set("operator", words_of_any_case(op_names(), "not_"));
  defs.set("condition", table_of(kConditionKeys));
  defs.set("when",
           type("object")
               .set("description", text("field = value, [ values ] or { operator = value }; dotted "
                                        "names may be nested tables"))
               .set("additionalProperties",
                    any_of({defined("scalar"), array_of(defined("scalar")), type("object")})));
  std::vector<Json> types;
  for (const PolicyType& policy_type : kPolicyTypes) {
    const std::string name = fmt::format("{}_policy", policy_type.name);
    defs.set(name, policy_of(policy_type));
    types.push_back(defined(name));
  }
  defs.set("policy", object().set("oneOf", list_of(std::move(types))));
  return defs;
}

// Values that fit stand on one line.
std::string flat(const Json& json) {
  if (!json.scalar.empty()) return json.scalar;
  std::string out;
  for (const auto& [key, value] : json.members) {
    out += fmt::format("{}\"{}\": {}", out.empty() ? "" : ", ", key, flat(value));
  }
  for (const Json& item : json.items) out += (out.empty() ? "" : ", ") + flat(item);
  if (json.list) return "[" + out + "]";
  return out.empty() ? "{}" : "{ " + out + " }";
}

void print(const Json& json, std::size_t indent, std::size_t used, std::string& out) {
  constexpr std::size_t kLineMax = 100;
  const std::string line = flat(json);
  if (indent + used + line.size() <= kLineMax || !json.scalar.empty()) {
    out += line;
    return;
  }
  const std::string inner(indent + 2, ' ');
  out += json.list ? "[" : "{";
  bool first = true;
  for (const auto& [key, value] : json.members) {
    out += fmt::format("{}\n{}\"{}\": ", first ? "" : ",", inner, key);
    print(value, indent + 2, key.size() + 4, out);
    first = false;
  }
  for (const Json& item : json.items) {
    out += fmt::format("{}\n{}", first ? "" : ",", inner);
    print(item, indent + 2, 0, out);
    first = false;
  }
  out += fmt::format("\n{}{}", std::string(indent, ' '), json.list ? "]" : "}");
}

}  // namespace

std::string json_schema() {
  Json schema;
  schema.set("$schema", text("https://json-schema.org/draft/2020-12/schema"));
  schema.set("title", text("CAPSEM Proxy policy"));
  schema.set("description", text("Policies of CAPSEM Proxy, schema = 1 (docs/policies.md)"));
  for (auto& member : table_of(kDocumentKeys).members) schema.members.push_back(std::move(member));
  schema.set("$defs", definitions());
  std::string out;
  print(schema, 0, 0, out);
  return out + "\n";
}

}  // namespace capsem::policy
