// Answers of the admin API: {"data": ...}, {"data": [...], "next": ...} or {"errors": [...]}.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"

namespace capsem::admin {

struct AdminReply {
  int status = 200;
  std::string content_type = "application/json";
  std::string body{};
  std::string fields{};  // further header lines, each ended
};

// `json`: a JSON text. {"data": json}
AdminReply data_reply(std::string_view json, int status = 200);
// `items`: JSON texts. `next`: the cursor of the next page; empty: there is none.
AdminReply list_reply(const std::vector<std::string>& items, std::string_view next = {});
AdminReply error_reply(int status, std::string_view code, std::string_view message);
// One error for each message, all with this code.
AdminReply errors_reply(int status, std::string_view code,
                        const std::vector<std::string>& messages);
// 404 for what does not exist and for what belongs to another tenant, word for word the same (T21).
AdminReply not_found();
// By the error's code: store_conflict and conflict 409, not_found 404, store_* 503, client errors
// 400, all others 500.
AdminReply error_reply(const Error& error);

}  // namespace capsem::admin
