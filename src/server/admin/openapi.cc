#include "server/admin/openapi.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>

#include "core/codec/denial.h"
#include "server/admin/openapi_text.h"

namespace capsem::admin {
namespace {

// A number as both YAML and JSON write it; what else looks like one in YAML is quoted in our file.
bool is_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  const bool leading_zero = text.size() > 1 && text.front() == '0' && text[1] != '.';
  return !text.empty() && !leading_zero && text.front() != '.' && text.back() != '.' &&
         std::ranges::count(text, '.') <= 1 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

void append_scalar(std::string& out, const YAML::Node& node) {
  const std::string& text = node.Scalar();
  const bool quoted = node.Tag() == "!";
  if (!quoted && (text == "true" || text == "false" || text == "null" || is_number(text))) {
    out += text;
  } else {
    codec::append_json_string(out, text);
  }
}

void append(std::string& out, const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map: {
      out += '{';
      for (const auto& member : node) {
        if (out.back() != '{') out += ',';
        codec::append_json_string(out, member.first.Scalar());
        out += ':';
        append(out, member.second);
      }
      out += '}';
      return;
    }
    case YAML::NodeType::Sequence: {
      out += '[';
      for (const auto& item : node) {
        if (out.back() != '[') out += ',';
        append(out, item);
      }
      out += ']';
      return;
    }
    case YAML::NodeType::Scalar:
      return append_scalar(out, node);
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      break;
  }
  out += "null";
}

}  // namespace

std::string_view openapi_yaml() {
  return kOpenApiYaml;
}

const std::string& openapi_json() {
  static const std::string json = [] {
    std::string out;
    append(out, YAML::Load(std::string(kOpenApiYaml)));
    return out;
  }();
  return json;
}

std::optional<AdminReply> openapi_reply(const AdminRequest& request) {
  const bool json = request.path == "/openapi.json";
  if (!json && request.path != "/openapi.yaml") return std::nullopt;
  if (request.method != "GET" && request.method != "HEAD") {
    AdminReply reply = error_reply(405, "method_not_allowed", "This path knows GET");
    reply.fields = "allow: GET\r\n";
    return reply;
  }
  if (json) return AdminReply{.body = openapi_json()};
  return AdminReply{.content_type = "application/yaml", .body = std::string(openapi_yaml())};
}

}  // namespace capsem::admin
