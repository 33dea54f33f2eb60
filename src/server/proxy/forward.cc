#include "server/proxy/forward.h"

#include "core/limit/headers.h"
#include "server/http/writer.h"
#include "server/proxy/identity.h"

namespace capsem::proxy {
namespace {

using http::FieldId;

bool hop_by_hop(FieldId id) {
  switch (id) {
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::proxy_authenticate:
    case FieldId::proxy_authorization:
    case FieldId::proxy_authentication_info:
    case FieldId::proxy_features:
    case FieldId::proxy_instruction:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::transfer_encoding:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::content_length:
    case FieldId::content_encoding:
      return true;
    default:
      return false;
  }
}

bool named_by_connection(std::string_view name, std::string_view connection) {
  if (connection.empty() || http::equals_ignoring_case(connection, "keep-alive") ||
      http::equals_ignoring_case(connection, "close")) {
    return false;
  }
  return http::list_has(connection, name);
}

// Names a client could set to be taken for somebody else, and names of ours.
bool trust_name(std::string_view name) {
  const auto starts = [&](std::string_view prefix) {
    return http::starts_with_ignoring_case(name, prefix);
  };
  const auto is = [&](std::string_view other) { return http::equals_ignoring_case(name, other); };
  if (name.empty()) return true;
  switch (name.front() | 0x20) {
    case 'x':
      return starts("x-forwarded-") || starts("x-capsem-") || starts("x-controlzero-") ||
             is("x-real-ip") || is("x-client-ip") || is("x-user-id") || is("x-original-url") ||
             is("x-rewrite-url") || is("x-cluster-client-ip") || is("x-envoy-external-address");
    case 'p':
      return starts("proxy-");
    case 't':
      return is("true-client-ip");
    case 'c':
      return is("cf-connecting-ip") || is("client-ip");
    case 'f':
      return is("fastly-client-ip");
    default:
      return false;
  }
}

}  // namespace

bool forwards_request_field(const http::Field& field, std::string_view connection,
                            Provider provider) {
  if (hop_by_hop(field.id) || named_by_connection(field.name, connection)) return false;
  switch (field.id) {
    case FieldId::host:
    case FieldId::accept_encoding:
    case FieldId::expect:
    case FieldId::cookie:
    case FieldId::cookie2:
    case FieldId::forwarded:
    case FieldId::via:
    // About the page that called the gateway, not about the provider.
    case FieldId::origin:
    case FieldId::referer:
    case FieldId::access_control_request_headers:
    case FieldId::access_control_request_method:
      return false;
    case FieldId::user_agent:
    case FieldId::accept:
    case FieldId::content_type:
    case FieldId::authorization:
      return true;
    default:
      return !trust_name(field.name) && !foreign_credential(field, provider);
  }
}

bool forwards_answer_field(const http::Field& field, std::string_view connection) {
  if (hop_by_hop(field.id) || named_by_connection(field.name, connection)) return false;
  switch (field.id) {
    case FieldId::set_cookie:
    case FieldId::set_cookie2:
    // These speak for the provider's origin, not for ours.
    case FieldId::strict_transport_security:
    case FieldId::access_control_allow_credentials:
    case FieldId::access_control_allow_headers:
    case FieldId::access_control_allow_methods:
    case FieldId::access_control_allow_origin:
    case FieldId::access_control_max_age:
    // Digests of bytes that may not leave as they came.
    case FieldId::content_md5:
    case FieldId::digest:
    case FieldId::accept_ranges:
      return false;
    default:
      break;
  }
  const auto is = [&](std::string_view other) {
    return http::equals_ignoring_case(field.name, other);
  };
  if (http::starts_with_ignoring_case(field.name, "x-capsem-") || is("alt-svc") ||
      is("access-control-expose-headers") || is("clear-site-data") || is("x-accel-buffering") ||
      is("nel") || is("report-to") || is("content-digest") || is("repr-digest")) {
    return false;
  }
  return true;
}

namespace {

void append_stored_key(std::string& out, Provider provider, std::string_view path,
                       const Secret& key) {
  // Google's own OpenAI dialect wants the key as OpenAI does.
  const bool bearer =
      provider == Provider::OpenAi ||
      (provider == Provider::Gemini && path.find("/openai/") != std::string_view::npos);
  if (bearer) {
    out.append("authorization: Bearer ");
  } else {
    out.append(provider == Provider::Gemini ? "x-goog-api-key: " : "x-api-key: ");
  }
  out.append(key.reveal()).append("\r\n");
}

}  // namespace

std::string upstream_head(const http::RequestHead& head, const http::Target& target,
                          Provider provider, const BaseUrl& base, std::int64_t body_bytes,
                          const Secret* stored_key) {
  std::string out;
  out.reserve(512);
  out.append(head.method).append(" ").append(base.prefix).append(target.raw_path);
  if (!target.query.empty()) out.append("?").append(target.query);
  out.append(" HTTP/1.1\r\nhost: ");
  const bool v6 = base.host.find(':') != std::string::npos;
  if (v6) out.append("[");
  out.append(base.host);
  if (v6) out.append("]");
  if (base.port != (base.tls ? 443 : 80)) {
    out.append(":");
    http::append_number(out, base.port);
  }
  out.append("\r\naccept-encoding: identity\r\n");
  if (stored_key != nullptr) append_stored_key(out, provider, target.path, *stored_key);
  const std::string_view connection = head.get(FieldId::connection);
  for (const http::Field& field : head.fields) {
    if (stored_key != nullptr && is_credential(field)) continue;
    if (forwards_request_field(field, connection, provider)) {
      http::append_field(out, field.name, field.value);
    }
  }
  if (body_bytes >= 0) {
    http::append_field(out, "content-length", static_cast<std::uint64_t>(body_bytes));
  }
  out.append("\r\n");
  return out;
}

bool append_answer_fields(std::string& out, const http::ResponseHead& head, bool own_limits) {
  bool has_id = false;
  const std::string_view connection = head.get(FieldId::connection);
  for (const http::Field& field : head.fields) {
    if (!forwards_answer_field(field, connection)) continue;
    if (own_limits && limit::is_rate_limit_field(field.name)) continue;
    has_id |= http::equals_ignoring_case(field.name, "x-request-id");
    http::append_field(out, field.name, field.value);
  }
  return has_id;
}

}  // namespace capsem::proxy
