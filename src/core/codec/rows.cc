#include "core/codec/rows.h"

#include <cstddef>

namespace capsem::codec {
namespace {

// Expands the first pair of braces and recurses; braces inside selectors do not occur.
void expand(const std::string& path, std::vector<std::string>& out) {
  const std::size_t open = path.find('{');
  if (open == std::string::npos) {
    out.push_back(path);
    return;
  }
  std::size_t depth = 0, begin = open + 1;
  std::vector<std::string> choices;
  std::size_t at = open;
  for (; at < path.size(); ++at) {
    const char c = path[at];
    if (c == '{') ++depth;
    if (c == '}') --depth;
    if ((c == ',' && depth == 1) || depth == 0) {
      choices.push_back(path.substr(begin, at - begin));
      begin = at + 1;
    }
    if (depth == 0) break;
  }
  for (const std::string& choice : choices) {
    expand(path.substr(0, open) + choice + path.substr(at + 1), out);
  }
}

}  // namespace

std::string_view to_string(Where where) {
  switch (where) {
    case Where::Request:
      return "request";
    case Where::Response:
      return "response";
    case Where::Stream:
      return "stream";
  }
  return "";
}

std::string_view to_string(Treat treat) {
  switch (treat) {
    case Treat::Text:
      return "text";
    case Treat::Json:
      return "json";
    case Treat::Bytes:
      return "bytes";
    case Treat::Keys:
      return "keys";
    case Treat::Media:
      return "media";
    case Treat::Opaque:
      return "opaque";
    case Treat::Blob:
      return "blob";
    case Treat::End:
      return "end";
    case Treat::Tokens:
      return "tokens";
    case Treat::Unseen:
      return "unseen";
    case Treat::Kind:
      return "kind";
  }
  return "";
}

void Table::add(Where where, std::string_view prefix, std::span<const Row> rows) {
  std::vector<std::string> expanded;
  for (const Row& row : rows) {
    expanded.clear();
    expand(std::string(prefix) + std::string(row.path), expanded);
    for (std::string& path : expanded) {
      fields_.push_back({where, row.point, row.part, row.treat, row.repeat,
                         paths_.emplace_back(std::move(path)), row.lane});
    }
  }
}

void Table::add_repeats(Where where, std::string_view prefix, std::span<const Row> rows) {
  const std::size_t first = fields_.size();
  add(where, prefix, rows);
  for (std::size_t i = first; i < fields_.size(); ++i) fields_[i].repeat = true;
}

void Table::add_shared(Where where, std::string_view prefix, std::span<const Row> rows,
                       bool repeat) {
  const std::size_t first = fields_.size();
  add(where, prefix, rows);
  for (std::size_t i = first; i < fields_.size(); ++i) {
    fields_[i].repeat = repeat;
    if (fields_[i].lane.empty()) fields_[i].lane = fields_[i].path.substr(prefix.size());
  }
}

void Table::add_echo(Where where, std::string_view prefix, std::span<const Row> rows) {
  const std::size_t first = fields_.size();
  add_repeats(where, prefix, rows);
  for (std::size_t i = first; i < fields_.size(); ++i) fields_[i].lane = kAlone;
}

}  // namespace capsem::codec
