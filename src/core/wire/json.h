// A strict, once-only reading of one JSON text into a flat list of nodes that remember where in
// the text they stood.
//
// Strict means: what this accepts, every conforming parser reads the same way. Refused, with the
// byte offset in the error: duplicate member names (compared after unescaping), invalid UTF-8, a
// byte order mark, bytes after the value, lone surrogates, control characters in strings, numbers
// outside RFC 8259, depth, node and digit counts past the limits (T05, T06).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/base/error.h"

namespace capsem::wire {

struct JsonLimits {
  std::uint32_t depth_max = 64;           // nesting of objects and arrays; deeper: invalid_json
  std::uint32_t nodes_max = 1'000'000;    // values in one text; more: invalid_json
  std::uint32_t number_digits_max = 400;  // characters of one number
};

enum class JsonKind : std::uint8_t { Null, False, True, Number, String, Array, Object };

// One value. Nodes stand in document order: a container's first child is the next node, and
// `next` is the index of the first node after the value's whole subtree.
struct JsonNode {
  std::string_view key;   // member name, unescaped; empty for array elements and the root
  std::string_view text;  // String: unescaped; Number, literals: as written; containers: empty
  std::uint32_t begin = 0, end = 0;  // the value in the JSON text, quotes and brackets included
  std::uint32_t next = 0;
  JsonKind kind = JsonKind::Null;
};

// Owns the parser's buffers, which are reused: nodes() and every view in it live until the next
// parse() and point into the text that was parsed or into the reader. Not thread-safe: one per
// loop.
class JsonReader {
 public:
  // Bytes that must be readable (not: zero) after the text given to parse().
  static constexpr std::size_t kPadding = 64;

  explicit JsonReader(JsonLimits limits = {});
  ~JsonReader();
  JsonReader(JsonReader&&) noexcept;
  JsonReader& operator=(JsonReader&&) noexcept;

  // REQUIRES: kPadding readable bytes behind `text`; text.size() < 4 GiB.
  // On error nodes() is empty; the error's code is "invalid_json" and its detail is a sentence that
  // ends in "(at byte N)".
  Status parse(std::string_view text);

  std::span<const JsonNode> nodes() const;  // nodes()[0] is the root
  std::string_view text() const;            // the text last parsed

  // The member `name` of the object at index `object`, or nullptr. Linear in the members.
  const JsonNode* find(std::size_t object, std::string_view name) const;
  const JsonNode* find(const JsonNode& object, std::string_view name) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::wire
