// Answers the gateway gives itself: error bodies in the shape the caller can show (X1), CORS fields
// (R14), fixed texts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/random.h"
#include "core/codec/denial.h"
#include "core/engine/exchange.h"
#include "server/http/head.h"
#include "server/proxy/identity.h"

namespace capsem::proxy {

// An answer that is decided and not written yet.
struct LocalAnswer {
  int status = 500;
  std::string body;
  std::string fields;  // further header lines, each ended
  std::string_view type = "application/json";
  std::string code;                      // for the record: "body_too_large", ...
  std::string_view outcome = "refused";  // for the record too: "blocked", "limited", ...
};

// The setting, the request's X-Capsem-Error-Format (capsem, openai, both) and its SDK decide.
codec::ErrorBody error_body_for(codec::ErrorBody setting, const http::RequestHead& head);

LocalAnswer error_answer(codec::ErrorBody shape, int status, std::string_view message,
                         std::string_view type, std::string_view code);
// `run_id` and `explain` (a JSON text): empty when there is none to tell. Only what policies say
// has a run id (R42).
LocalAnswer denial_answer(codec::ErrorBody shape, const engine::Denial& denial,
                          std::string_view run_id = {}, std::string_view explain = {});
LocalAnswer identity_answer(codec::ErrorBody shape, const IdentityError& error);

// X11: the key's configuration does not let it speak for this agent.
LocalAnswer agent_refusal(codec::ErrorBody shape, std::string_view agent);

// Access-Control-* and Vary for an answer to `head`; nothing without an Origin.
void append_cors_fields(std::string& out, const http::RequestHead& head);
// OPTIONS: a preflight, or the original's plain answer.
LocalAnswer options_answer(const http::RequestHead& head);

// X-Capsem-Explain: 1
bool asks_to_explain(const http::RequestHead& head);

// A version 7 UUID (RFC 9562): the id of one evaluation, in its record and in what its caller is
// told. It begins with the time, which leads to where the audit keeps its record.
std::string make_run_id(IdSource& ids, std::int64_t wall_ms);

// The request's own x-request-id when it may be taken over, else a new one.
std::string request_id_for(const http::RequestHead& head, IdSource& ids);
// What an x-request-id may be to be taken over: short and of harmless bytes.
bool usable_request_id(std::string_view id);

}  // namespace capsem::proxy
