#include "server/admin/reply.h"

#include "core/codec/denial.h"

namespace capsem::admin {

AdminReply data_reply(std::string_view json, int status) {
  std::string body = "{\"data\":";
  body.append(json).append("}");
  return {.status = status, .body = std::move(body)};
}

AdminReply list_reply(const std::vector<std::string>& items, std::string_view next) {
  std::string body = "{\"data\":[";
  for (const std::string& item : items) {
    if (body.back() != '[') body += ',';
    body += item;
  }
  body += "],\"next\":";
  if (next.empty()) {
    body += "null";
  } else {
    codec::append_json_string(body, next);
  }
  body += '}';
  return {.body = std::move(body)};
}

AdminReply errors_reply(int status, std::string_view code,
                        const std::vector<std::string>& messages) {
  std::string body = "{\"errors\":[";
  for (const std::string& message : messages) {
    body += body.back() == '[' ? "{\"message\":" : ",{\"message\":";
    codec::append_json_string(body, message);
    body += ",\"code\":";
    codec::append_json_string(body, code);
    body += '}';
  }
  body += "]}";
  return {.status = status, .body = std::move(body)};
}

AdminReply error_reply(int status, std::string_view code, std::string_view message) {
  return errors_reply(status, code, {std::string(message)});
}

AdminReply not_found() {
  return error_reply(404, "not_found", "There is no such object");
}

AdminReply error_reply(const Error& error) {
  if (error.code == "not_found") return not_found();
  if (error.code == "store_conflict") {
    return error_reply(409, "conflict",
                       "Another object stands in the way: a name that is taken, or "
                       "one that is still in use");
  }
  // What the database says of itself may name hosts and files.
  if (error.code == "store_invalid") {
    return error_reply(500, "internal", "The database does not understand the gateway");
  }
  if (error.code.starts_with("store_")) {
    return error_reply(503, "database_unavailable",
                       "The database does not answer; nothing is known "
                       "to have changed");
  }
  if (error.code == "conflict" || error.code == "in_use") {
    return error_reply(409, error.code, error.detail);
  }
  if (error.code == "no_master_key" || error.code == "sealed") {
    return error_reply(503, error.code, error.detail);
  }
  if (error.fault == Fault::Client) return error_reply(400, error.code, error.detail);
  return error_reply(500, error.code, error.detail);
}

}  // namespace capsem::admin
