// One pass by recursive descent. A two-stage parser (simdjson On-Demand) was measured against it:
// on texts of a few hundred bytes, which stream events are, building a structural index costs more
// than it saves, and it leaves numbers, literals and duplicates to be checked by hand anyway.
// simdjson's UTF-8 validation is used as it is.
#include "core/wire/json.h"

#include <simdjson.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/wire/json_string.h"

namespace capsem::wire {
namespace {

// Recursion is bounded whatever the caller sets.
constexpr std::uint32_t kDepthHardMax = 512;
// Objects with more members are checked for duplicates by sorting, in one go at their end.
constexpr std::size_t kPairwiseMembersMax = 32;
// Buffers above this many nodes are given back once a small text follows.
constexpr std::size_t kNodesKept = std::size_t{1} << 16;

struct MemberName {
  std::uint64_t print = 0;  // equal names have equal prints
  std::string_view name;
  std::uint32_t at = 0;
};

// Eight bytes of either end and the length. REQUIRES: 8 readable bytes behind the name's begin.
std::uint64_t name_print(std::string_view name) {
  std::uint64_t first = 0;
  std::memcpy(&first, name.data(), 8);
  if (name.size() < 8) return (first & ((1ULL << (8 * name.size())) - 1)) ^ (name.size() << 56);
  std::uint64_t last = 0;
  std::memcpy(&last, name.data() + name.size() - 8, 8);
  return (first * 0x9e3779b97f4a7c15ULL) ^ last ^ (name.size() << 56);
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

struct JsonReader::Impl {
  JsonLimits limits;
  std::vector<JsonNode> nodes;
  std::vector<MemberName> names;  // of the objects that are open, outermost first
  // Strings that had escapes. Never moved during a parse: views point into it. A decoded string is
  // never longer than it was written, so the size of the text is always enough.
  std::unique_ptr<char[]> decoded;
  std::size_t decoded_capacity = 0, decoded_size = 0;

  std::string_view text;
  const char* p = nullptr;
  const char* end = nullptr;
  const char* problem = nullptr;
  const char* problem_at = nullptr;

  [[gnu::cold]] bool fail(const char* what, const char* at) {
    problem = what;
    problem_at = at;
    return false;
  }

  std::uint32_t offset(const char* at) const {
    return static_cast<std::uint32_t>(at - text.data());
  }

  void skip_space() {
    // Compact JSON, which most of it is, leaves at the first comparison.
    while (p < end && static_cast<unsigned char>(*p) <= ' ' &&
           (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
      ++p;
    }
  }

  void close(std::size_t index) {
    nodes[index].end = offset(p);
    nodes[index].next = static_cast<std::uint32_t>(nodes.size());
  }

  bool document();
  bool value(std::string_view key, std::uint32_t depth);
  bool object(std::size_t index, std::uint32_t depth);
  bool array(std::size_t index, std::uint32_t depth);
  bool string(std::string_view& out);
  bool escaped_string(const char* start, const char* special, std::string_view& out);
  bool number(std::string_view& out);
  bool literal(std::string_view word, JsonNode& node, JsonKind kind);
  bool add_name(std::size_t first, std::string_view name, const char* at, std::uint64_t& seen);
  bool names_differ(std::size_t first);
};

bool JsonReader::Impl::document() {
  if (!value({}, 0)) return false;
  skip_space();
  return p == end || fail("Extra data", p);
}

bool JsonReader::Impl::value(std::string_view key, std::uint32_t depth) {
  skip_space();
  if (p >= end) return fail("Expecting value", p);
  if (nodes.size() >= limits.nodes_max) return fail("Too many values", p);
  const std::size_t index = nodes.size();
  JsonNode& node = nodes.emplace_back();
  node.key = key;
  node.begin = offset(p);
  switch (*p) {
    case '"':
      node.kind = JsonKind::String;
      if (!string(node.text)) return false;
      break;
    case '{':
      return object(index, depth);
    case '[':
      return array(index, depth);
    case 't':
      if (!literal("true", node, JsonKind::True)) return false;
      break;
    case 'f':
      if (!literal("false", node, JsonKind::False)) return false;
      break;
    case 'n':
      if (!literal("null", node, JsonKind::Null)) return false;
      break;
    default:
      node.kind = JsonKind::Number;
      if (!number(node.text)) return false;
  }
  node.end = offset(p);
  node.next = static_cast<std::uint32_t>(index + 1);
  return true;
}

bool JsonReader::Impl::object(std::size_t index, std::uint32_t depth) {
  if (depth >= limits.depth_max) return fail("Nested too deeply", p);
  nodes[index].kind = JsonKind::Object;
  ++p;
  skip_space();
  if (p < end && *p == '}') {
    ++p;
    close(index);
    return true;
  }
  const std::size_t first_name = names.size();
  std::uint64_t seen = 0;
  for (;;) {
    skip_space();
    if (p >= end || *p != '"') return fail("Expecting a member name in double quotes", p);
    const char* at = p;
    std::string_view name;
    if (!string(name) || !add_name(first_name, name, at, seen)) return false;
    skip_space();
    if (p >= end || *p != ':') return fail("Expecting ':'", p);
    ++p;
    if (!value(name, depth + 1)) return false;
    skip_space();
    if (p < end && *p == ',') {
      ++p;
      continue;
    }
    if (p >= end || *p != '}') return fail("Expecting ',' or '}'", p);
    ++p;
    break;
  }
  if (names.size() - first_name > kPairwiseMembersMax && !names_differ(first_name)) return false;
  names.resize(first_name);
  close(index);
  return true;
}

bool JsonReader::Impl::array(std::size_t index, std::uint32_t depth) {
  if (depth >= limits.depth_max) return fail("Nested too deeply", p);
  nodes[index].kind = JsonKind::Array;
  ++p;
  skip_space();
  if (p < end && *p == ']') {
    ++p;
    close(index);
    return true;
  }
  for (;;) {
    if (!value({}, depth + 1)) return false;
    skip_space();
    if (p < end && *p == ',') {
      ++p;
      continue;
    }
    if (p >= end || *p != ']') return fail("Expecting ',' or ']'", p);
    ++p;
    close(index);
    return true;
  }
}

bool JsonReader::Impl::string(std::string_view& out) {
  const char* start = p + 1;
  const char* special = find_string_special(start, end);
  if (special < end && *special == '"') {
    out = {start, static_cast<std::size_t>(special - start)};
    p = special + 1;
    return true;
  }
  return escaped_string(start, special, out);
}

bool JsonReader::Impl::escaped_string(const char* start, const char* special,
                                      std::string_view& out) {
  constexpr std::size_t kSlack = 16;  // name_print() reads past short names
  if (decoded_capacity < text.size() + kSlack) {
    // Only ever at the first escape of a text: nothing points into the old buffer.
    decoded_capacity = text.size() + text.size() / 2 + kSlack;
    decoded = std::make_unique_for_overwrite<char[]>(decoded_capacity);
    decoded_size = 0;
  }
  char* const begin = decoded.get() + decoded_size;
  char* to = begin;
  for (const char* from = start;;) {
    const auto plain = static_cast<std::size_t>(special - from);
    std::memcpy(to, from, plain);
    to += plain;
    if (special >= end) return fail("Unterminated string", start - 1);
    if (*special == '"') break;
    if (*special != '\\') return fail("Control character in string", special);
    from = special + 1;
    const std::size_t size = decode_escape(from, end, to);
    if (size == 0) return fail("Invalid escape", special);
    to += size;
    special = find_string_special(from, end);
  }
  out = {begin, static_cast<std::size_t>(to - begin)};
  decoded_size += out.size();
  p = special + 1;
  return true;
}

bool JsonReader::Impl::number(std::string_view& out) {
  const char* start = p;
  const auto digits = [this] {
    const char* first = p;
    while (p < end && is_digit(*p)) ++p;
    return p != first;
  };
  if (*p == '-') ++p;
  if (p < end && *p == '0') {
    ++p;
  } else if (!digits()) {
    return fail("Expecting value", start);
  }
  if (p < end && *p == '.') {
    ++p;
    if (!digits()) return fail("Invalid number", start);
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    ++p;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return fail("Invalid number", start);
  }
  out = {start, static_cast<std::size_t>(p - start)};
  return out.size() <= limits.number_digits_max || fail("Number too long", start);
}

bool JsonReader::Impl::literal(std::string_view word, JsonNode& node, JsonKind kind) {
  if (static_cast<std::size_t>(end - p) < word.size() || std::string_view(p, word.size()) != word) {
    return fail("Expecting value", p);
  }
  node.kind = kind;
  node.text = {p, word.size()};
  p += word.size();
  return true;
}

// `seen` is a filter of 64 bits: where the name's bit is unset, no earlier name can be equal.
bool JsonReader::Impl::add_name(std::size_t first, std::string_view name, const char* at,
                                std::uint64_t& seen) {
  const std::uint64_t print = name_print(name);
  const std::uint64_t bit = 1ULL << ((print * 0x9e3779b97f4a7c15ULL) >> 58);
  if ((seen & bit) != 0 && names.size() - first <= kPairwiseMembersMax) {
    for (std::size_t i = first; i < names.size(); ++i) {
      if (names[i].print == print && names[i].name == name) {
        return fail("Duplicate member name", at);
      }
    }
  }
  seen |= bit;
  names.push_back({print, name, offset(at)});
  return true;
}

// Sorting, not hashing: no choice of names makes it slow.
bool JsonReader::Impl::names_differ(std::size_t first) {
  const auto begin = names.begin() + static_cast<std::ptrdiff_t>(first);
  std::sort(begin, names.end(), [](const MemberName& a, const MemberName& b) {
    if (a.print != b.print) return a.print < b.print;
    if (a.name != b.name) return a.name < b.name;
    return a.at < b.at;
  });
  const auto same = std::adjacent_find(begin, names.end(), [](const auto& a, const auto& b) {
    return a.print == b.print && a.name == b.name;
  });
  return same == names.end() || fail("Duplicate member name", text.data() + (same + 1)->at);
}

JsonReader::JsonReader(JsonLimits limits) : impl_(std::make_unique<Impl>()) {
  limits.depth_max = std::min(limits.depth_max, kDepthHardMax);
  impl_->limits = limits;
}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

Status JsonReader::parse(std::string_view text) {
  Impl& r = *impl_;
  if (r.nodes.capacity() > kNodesKept && text.size() < kNodesKept) {
    r.nodes = {};
    r.names = {};
    r.decoded.reset();
    r.decoded_capacity = 0;
  }
  r.nodes.clear();
  r.names.clear();
  r.decoded_size = 0;
  r.text = text;
  r.p = text.data();
  r.end = r.p + text.size();
  bool ok = false;
  if (!is_ascii(text) && !simdjson::validate_utf8(text.data(), text.size())) {
    ok = r.fail("Invalid UTF-8", r.p + invalid_utf8_offset(text));
  } else {
    ok = r.document();
  }
  if (ok) return {};
  r.nodes.clear();
  return client_error("invalid_json", std::string(r.problem) + " (at byte " +
                                          std::to_string(r.offset(r.problem_at)) + ")");
}

std::span<const JsonNode> JsonReader::nodes() const {
  return impl_->nodes;
}
std::string_view JsonReader::text() const {
  return impl_->text;
}

const JsonNode* JsonReader::find(std::size_t object, std::string_view name) const {
  const auto& nodes = impl_->nodes;
  if (object >= nodes.size() || nodes[object].kind != JsonKind::Object) return nullptr;
  for (std::size_t i = object + 1; i < nodes[object].next; i = nodes[i].next) {
    if (nodes[i].key == name) return &nodes[i];
  }
  return nullptr;
}

const JsonNode* JsonReader::find(const JsonNode& object, std::string_view name) const {
  return find(static_cast<std::size_t>(&object - impl_->nodes.data()), name);
}

}  // namespace capsem::wire
