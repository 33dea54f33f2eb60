// A policy file as a tree of values, the same for its three syntaxes, TOML, YAML and JSON. Every
// key and every value knows its line and column; members keep the order in which they were written.
//
// Strict: what two readers could take for two things is refused. Duplicate keys, tabs as
// indentation, nesting past kDepthMax and files past kBytesMax in all three syntaxes; anchors,
// aliases, tags, merge keys and a second document in YAML, whose plain scalars stay the text that
// was written (`no`, `1.10`): the reader of a key decides what it means.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capsem::policy {

// Count from 1; columns count characters, not bytes.
struct Place {
  std::uint32_t line = 1, column = 1;
};

struct SourceMember;

struct SourceNode {
  enum class Kind : std::uint8_t { Null, Bool, Integer, Float, String, List, Table };

  Kind kind = Kind::Null;
  bool plain = false;  // String: an unquoted YAML scalar
  bool truth = false;  // Bool
  // String: its value, else a scalar as text ("true", "5", "0.5").
  std::string text{};
  Place place{};
  std::vector<SourceNode> items;      // List
  std::vector<SourceMember> members;  // Table

  const SourceMember* member(std::string_view key) const;  // nullptr: none

  // What the node is worth where such a value is wanted; empty: it is none.
  std::optional<bool> as_bool() const;  // true and false alone, whatever YAML 1.1 says of "yes"
  std::optional<std::string_view> as_string() const;  // not a number, a bool or null
  std::optional<std::int64_t> as_integer() const;
  std::optional<double> as_number() const;  // finite
  // Any scalar but null as text: what conditions compare with.
  std::optional<std::string_view> as_scalar() const;
};

struct SourceMember {
  std::string key{};
  Place place{};
  SourceNode value{};
};

enum class Syntax : std::uint8_t { Toml, Yaml, Json };

struct SyntaxError {
  Place place;
  std::string message;
};

struct SourceTree {
  static constexpr std::size_t kBytesMax = 4u << 20;
  static constexpr std::size_t kDepthMax = 64;

  SourceNode root;
  std::optional<SyntaxError> error;  // the first one; root is empty then
};

SourceTree read_tree(Syntax syntax, std::string_view text);

// The first line that is indented by a tab, outside of multi-line strings of TOML.
std::optional<Place> tab_indentation(Syntax syntax, std::string_view text);

// The first byte that is not part of well-formed UTF-8.
std::optional<std::size_t> bad_utf8(std::string_view text);

// The place of a byte.
Place place_of(std::string_view text, std::size_t offset);

// Of each syntax, in its own file; called by read_tree() once the size has been checked.
SourceTree read_toml(std::string_view text);
SourceTree read_yaml(std::string_view text);
SourceTree read_json(std::string_view text);

}  // namespace capsem::policy
