#include "core/policy/source_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace capsem::policy {
namespace {

// One bracket or quote ahead of the other: where a scan of TOML stands.
class TomlStrings {
 public:
  // Takes the bytes at `at`; returns how many. in_text() speaks of the bytes taken last.
  std::size_t step(std::string_view text, std::size_t at) {
    const std::string_view rest = text.substr(at);
    if (comment_) {
      comment_ = rest.front() != '\n';
      return 1;
    }
    if (!close_.empty()) return step_in_string(rest);
    if (rest.front() == '#') comment_ = true;
    for (const std::string_view quote : {"\"\"\"", "'''", "\"", "'"}) {
      if (!rest.starts_with(quote)) continue;
      close_ = quote;
      return quote.size();
    }
    return 1;
  }
  bool in_text() const { return comment_ || !close_.empty(); }

 private:
  std::size_t step_in_string(std::string_view rest) {
    if (rest.starts_with(close_)) {
      const std::size_t bytes = close_.size();
      close_ = {};
      return bytes;
    }
    if (rest.front() == '\n' && close_.size() == 1) close_ = {};  // unterminated: the parser's
    return rest.front() == '\\' && close_.front() == '"' && rest.size() > 1 ? 2 : 1;
  }

  std::string_view close_;  // what ends the string that the scan is in
  bool comment_ = false;
};

bool indented_by_tab(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t");
  if (begin == std::string_view::npos || line[begin] == '\r') return false;
  return line.substr(0, begin).find('\t') != std::string_view::npos;
}

// A parser of dotted keys that makes a table of each part would nest as deep as the file is long.
std::optional<SyntaxError> deep_dotted_key(std::string_view text) {
  TomlStrings strings;
  std::size_t dots = 0;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    const bool before = strings.in_text();
    const std::size_t bytes = strings.step(text, at);
    if (!before && !strings.in_text()) {
      if (c == '.') ++dots;
      if (std::string_view("=,[]{}#\n").find(c) != std::string_view::npos) dots = 0;
      if (dots > SourceTree::kDepthMax) {
        return SyntaxError{place_of(text, at),
                           fmt::format("nested deeper than {}", SourceTree::kDepthMax)};
      }
    }
    at += bytes;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::size_t> bad_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = lead < 0x80   ? 1
                              : lead < 0xC2 ? 0
                              : lead < 0xE0 ? 2
                              : lead < 0xF0 ? 3
                              : lead < 0xF5 ? 4
                                            : 0;
    if (bytes == 0 || at + bytes > text.size()) return at;
    std::uint32_t point = bytes == 1 ? lead : lead & (0xFFu >> (bytes + 1));
    for (std::size_t i = 1; i < bytes; ++i) {
      const auto next = static_cast<unsigned char>(text[at + i]);
      if ((next & 0xC0) != 0x80) return at;
      point = (point << 6) | (next & 0x3Fu);
    }
    const bool overlong = (bytes == 3 && point < 0x800) || (bytes == 4 && point < 0x10000);
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    if (overlong || surrogate || point > 0x10FFFF) return at;
    at += bytes;
  }
  return std::nullopt;
}

const SourceMember* SourceNode::member(std::string_view key) const {
  const auto found = std::ranges::find(members, key, &SourceMember::key);
  return found == members.end() ? nullptr : &*found;
}

std::optional<bool> SourceNode::as_bool() const {
  if (kind == Kind::Bool) return truth;
  if (kind != Kind::String || !plain) return std::nullopt;
  if (text == "true" || text == "True" || text == "TRUE") return true;
  if (text == "false" || text == "False" || text == "FALSE") return false;
  return std::nullopt;
}

std::optional<std::string_view> SourceNode::as_string() const {
  if (kind != Kind::String) return std::nullopt;
  return text;
}

std::optional<std::int64_t> SourceNode::as_integer() const {
  if (kind != Kind::Integer && !(kind == Kind::String && plain)) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> SourceNode::as_number() const {
  const bool number = kind == Kind::Integer || kind == Kind::Float;
  if (!number && !(kind == Kind::String && plain)) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> SourceNode::as_scalar() const {
  if (kind == Kind::Null || kind == Kind::List || kind == Kind::Table) return std::nullopt;
  return text;
}

Place place_of(std::string_view text, std::size_t offset) {
  Place place;
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      ++place.line;
      place.column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      ++place.column;
    }
  }
  return place;
}

std::optional<Place> tab_indentation(Syntax syntax, std::string_view text) {
  TomlStrings strings;
  std::size_t scanned = 0;
  for (std::size_t line = 0; line < text.size();) {
    const auto end = std::min(text.find('\n', line), text.size());
    if (syntax == Syntax::Toml) {
      while (scanned < line) scanned += strings.step(text, scanned);
    }
    const bool in_text = syntax == Syntax::Toml && strings.in_text();
    const std::string_view content = text.substr(line, end - line);
    if (!in_text && indented_by_tab(content)) return place_of(text, line + content.find('\t'));
    line = end + 1;
  }
  return std::nullopt;
}

SourceTree read_tree(Syntax syntax, std::string_view text) {
  SourceTree refused;
  if (text.size() > SourceTree::kBytesMax) {
    refused.error = SyntaxError{{}, fmt::format("larger than {} MiB", SourceTree::kBytesMax >> 20)};
    return refused;
  }
  if (const auto bad = bad_utf8(text)) {
    refused.error = SyntaxError{place_of(text, *bad), "not UTF-8"};
    return refused;
  }
  if (syntax == Syntax::Json) return read_json(text);
  if (syntax == Syntax::Yaml) return read_yaml(text);
  if (auto deep = deep_dotted_key(text)) {
    refused.error = std::move(deep);
    return refused;
  }
  return read_toml(text);
}

}  // namespace capsem::policy
