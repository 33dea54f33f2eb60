#include "core/engine/json_edits.h"

#include <algorithm>

namespace capsem::engine {

void apply_edits(std::string_view text, std::vector<codec::BodyEdit>& edits, std::string& out) {
  std::ranges::stable_sort(edits, [](const codec::BodyEdit& a, const codec::BodyEdit& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.size > b.size;
  });
  std::size_t at = 0;
  for (const codec::BodyEdit& edit : edits) {
    if (edit.offset < at) continue;
    out += text.substr(at, edit.offset - at);
    out += edit.text;
    at = edit.offset + edit.size;
  }
  out += text.substr(at);
}

namespace {

// The name whose value begins at `value`: from its closing quote back to the quote that no
// backslash stands before.
event::ByteRange name_before(std::string_view json, std::uint32_t value) {
  const auto close = static_cast<std::uint32_t>(json.rfind('"', json.rfind(':', value - 1)));
  std::uint32_t open = close - 1;
  for (;; --open) {
    if (json[open] != '"') continue;
    std::uint32_t slashes = 0;
    while (json[open - 1 - slashes] == '\\') ++slashes;
    if (slashes % 2 == 0) break;
  }
  return {open + 1, close};
}

}  // namespace

event::ByteRange written_range(std::string_view json, event::ByteRange raw, Coding coding) {
  switch (coding) {
    case Coding::Name:
      return name_before(json, raw.begin);
    case Coding::Text:
    case Coding::JsonText:
      return {raw.begin + 1, raw.end - 1};
    case Coding::Slice:
    case Coding::Number:
      break;
  }
  return raw;
}

std::vector<event::ByteRange> logprobs_of(const wire::JsonReader& json) {
  std::vector<event::ByteRange> found;
  const auto nodes = json.nodes();
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    const wire::JsonNode& node = nodes[i];
    const bool named = node.key == "logprobs" || node.key == "logprobsResult";
    if (named && node.kind >= wire::JsonKind::Array && node.next > i + 1) {
      found.push_back({node.begin, node.end});
    }
  }
  return found;
}

codec::BodyEdit without_logprobs(std::string_view json, event::ByteRange range) {
  return {range.begin, range.end - range.begin, json[range.begin] == '[' ? "[]" : "null"};
}

}  // namespace capsem::engine
