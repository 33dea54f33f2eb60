#include "server/http/path.h"

namespace capsem::http {
namespace {

constexpr Refusal kBadPath{400, "Malformed or ambiguous path"};

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  if (low >= 'a' && low <= 'f') return low - 'a' + 10;
  return -1;
}

// -1: not an escape. REQUIRES: text[at] == '%'.
int escaped_byte(std::string_view text, std::size_t at) {
  if (at + 2 >= text.size()) return -1;
  const int high = hex_value(text[at + 1]);
  const int low = hex_value(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool ambiguous_segments(std::string_view path) {
  std::size_t begin = 1;
  while (begin <= path.size()) {
    std::size_t end = path.find('/', begin);
    if (end == std::string_view::npos) end = path.size();
    const std::string_view segment = path.substr(begin, end - begin);
    if (segment == "." || segment == "..") return true;
    if (segment.empty() && end != path.size()) return true;  // "//"
    begin = end + 1;
  }
  return false;
}

bool decode_query_text(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int byte = escaped_byte(text, i);
    if (byte < 0) return false;
    out.push_back(static_cast<char>(byte));
    i += 2;
  }
  return true;
}

// Calls `each` with every parameter as sent and its decoded name and raw value.
template <class Each>
void for_each_parameter(std::string_view query, Each each) {
  while (!query.empty()) {
    const auto amp = query.find('&');
    const std::string_view whole = query.substr(0, amp);
    const auto equals = whole.find('=');
    std::string name;
    if (!decode_query_text(whole.substr(0, equals), name)) name.clear();
    each(whole, name,
         equals == std::string_view::npos ? std::string_view{} : whole.substr(equals + 1));
    if (amp == std::string_view::npos) return;
    query.remove_prefix(amp + 1);
  }
}

}  // namespace

Refusal parse_target(std::string_view target, Target& out) {
  if (target.empty() || target.front() != '/') return {400, "Only the origin form is accepted"};
  const auto mark = target.find('?');
  out.raw_path = target.substr(0, mark);
  out.query = mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
  for (const char c : target) {
    if (c == '#' || static_cast<unsigned char>(c) >= 0x80) return kBadPath;
  }
  out.path.clear();
  for (std::size_t i = 0; i < out.raw_path.size(); ++i) {
    char c = out.raw_path[i];
    if (c == '%') {
      const int byte = escaped_byte(out.raw_path, i);
      // An escaped slash, dot, percent or control byte reads differently after one decoding more
      // or less.
      if (byte < 0x20 || byte == '/' || byte == '\\' || byte == '.' || byte == '%' || byte == ';' ||
          byte == '?' || byte == '#' || byte == 0x7f) {
        return kBadPath;
      }
      c = static_cast<char>(byte);
      i += 2;
    } else if (c == ';' || c == '\\') {
      return kBadPath;
    }
    out.path.push_back(c);
  }
  if (ambiguous_segments(out.path)) return kBadPath;
  return {};
}

std::string query_without(std::string_view query, std::string_view name) {
  std::string kept;
  for_each_parameter(query, [&](std::string_view whole, std::string_view found, std::string_view) {
    if (found == name) return;
    if (!kept.empty()) kept.push_back('&');
    kept.append(whole);
  });
  return kept;
}

std::string query_value(std::string_view query, std::string_view name, int& count) {
  std::string value;
  count = 0;
  for_each_parameter(query, [&](std::string_view, std::string_view found, std::string_view raw) {
    if (found != name || ++count > 1) return;
    if (!decode_query_text(raw, value)) value.clear();
  });
  return value;
}

}  // namespace capsem::http
