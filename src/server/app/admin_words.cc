#include "server/app/admin_words.h"

#include <algorithm>
#include <charconv>

#include "core/codec/denial.h"
#include "server/app/admin_fields.h"
#include "server/app/disk.h"

namespace capsem::app {
namespace {

constexpr std::size_t kFileBytesMax = 8u << 20;

std::unexpected<Error> misused(std::string_view flag, std::string_view what) {
  return client_error("misused", std::string(flag) + ": " + std::string(what));
}

bool is_unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  codec::append_json_string(out, text);
  return out;
}

std::vector<std::string_view> split(std::string_view text) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    if (comma > 0) parts.push_back(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return parts;
}

Result<std::string> number(std::string_view flag, std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return misused(flag, "must be a whole number");
  }
  return std::to_string(value);
}

Result<std::string> amounts(std::string_view flag, std::string_view text) {
  std::string out = "{";
  for (const std::string_view part : split(text)) {
    const auto equals = part.find('=');
    if (equals == std::string_view::npos) return misused(flag, "must be NAME=NUMBER,...");
    const auto amount = number(flag, part.substr(equals + 1));
    if (!amount) return std::unexpected(amount.error());
    if (out.size() > 1) out += ',';
    out += quoted(part.substr(0, equals)) + ':' + *amount;
  }
  return out + '}';
}

std::string list(std::string_view text) {
  std::string out = "[";
  for (const std::string_view part : split(text)) {
    if (out.size() > 1) out += ',';
    out += quoted(part);
  }
  return out + ']';
}

Result<std::string> json_of(const Field& field, const std::string& value) {
  switch (field.kind) {
    case Kind::Text:
      break;
    case Kind::Number:
      return number(field.flag, value);
    case Kind::Flag:
      return std::string("true");
    case Kind::List:
      return list(value);
    case Kind::Amounts:
      return amounts(field.flag, value);
    case Kind::File: {
      const auto text = read_file(value, kFileBytesMax);
      if (!text) return misused(field.flag, text.error().detail);
      return quoted(*text);
    }
  }
  return quoted(value);
}

// `path` with what was given in place of {...}.
Result<std::string> path_of(const Word& word, const Given& given) {
  std::string out;
  for (std::string_view rest = word.path; !rest.empty();) {
    const auto open = std::min(rest.find('{'), rest.size());
    out += rest.substr(0, open);
    rest.remove_prefix(open);
    if (rest.empty()) break;
    const auto name = rest.substr(1, rest.find('}') - 1);
    rest.remove_prefix(name.size() + 2);
    auto value = given.values.find(name);
    if (value == given.values.end() && name == "file") value = given.values.find("--as");
    if (value != given.values.end()) {
      out += percent_encoded(value->second);
      continue;
    }
    const auto source = given.values.find("source");
    if (name != "file" || source == given.values.end()) return misused(name, "is missing");
    out += percent_encoded(source->second.substr(source->second.rfind('/') + 1));
  }
  return out;
}

}  // namespace

Result<client::Request> request_of(const Word& word, const Given& given) {
  client::Request request{.method = std::string(word.method)};
  auto path = path_of(word, given);
  if (!path) return std::unexpected(path.error());
  std::string query, members;
  for (const Field& field : word.fields) {
    const auto value = given.values.find(field.flag);
    if (value == given.values.end()) {
      if (field.required) return misused(field.flag, "is missing");
      continue;
    }
    if (field.in == In::Path) continue;
    if (field.in == In::Query) {
      query += (query.empty() ? "?" : "&") + std::string(field.member) + '=' +
               percent_encoded(value->second);
      continue;
    }
    const auto json = json_of(field, value->second);
    if (!json) return std::unexpected(json.error());
    if (!members.empty()) members += ',';
    members += quoted(field.member) + ':' + *json;
  }
  if (!given.secret.empty()) {
    if (!members.empty()) members += ',';
    members += quoted(word.secret.member) + ':' + quoted(given.secret.reveal());
  } else if (word.secret.required) {
    return misused(word.secret.stdin_flag,
                   "is missing, and so is " + std::string(word.secret.file_flag));
  }
  request.target = std::move(*path) + query;
  if (word.method != "GET" && word.method != "DELETE") {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = '{' + members + '}';
  }
  return request;
}

const std::vector<Word>& admin_words() {
  static const std::vector<Word> words = [] {
    std::vector<Word> all;
    add_object_words(all);
    add_watch_words(all);
    add_house_words(all);
    return all;
  }();
  return words;
}

}  // namespace capsem::app
