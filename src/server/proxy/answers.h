// Answers the gateway gives itself: error bodies in the shape the caller can show (X1), CORS fields
// (R14), fixed texts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/random.h"
#include "core/codec/denial.h"
#include "core/engine/exchange.h"
#include "core/policy/decision.h"
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

// How the errors of one request look. Root routes name no request in their bodies.
struct ErrorStyle {
  codec::ErrorBody body = codec::ErrorBody::Detail;
  std::string request_id{};

  ErrorStyle(codec::ErrorBody shape = codec::ErrorBody::Detail, std::string id = {})  // NOLINT
      : body(shape), request_id(std::move(id)) {}
};

// The setting, the request's X-Capsem-Error-Format (capsem, openai, both) and its SDK decide.
codec::ErrorBody error_body_for(codec::ErrorBody setting, const http::RequestHead& head);

LocalAnswer error_answer(const ErrorStyle& style, int status, std::string_view message,
                         std::string_view type, std::string_view code);
// What a denial is told with. Only what policies say has a run id (R42).
struct DenialTold {
  std::string_view run_id{};
  std::string_view explain{};    // a JSON text; empty: nobody asked
  std::string_view review_id{};  // the review it waits for (R43)
  std::size_t violations = 0;    // of the exchange, all policies' (R42); for integration routes
};
LocalAnswer denial_answer(const ErrorStyle& style, const engine::Denial& denial,
                          const DenialTold& told = {});
LocalAnswer identity_answer(const ErrorStyle& style, const IdentityError& error);

// 503s that a later attempt may not meet.
LocalAnswer overloaded_answer(const ErrorStyle& style);
LocalAnswer audit_answer(const ErrorStyle& style);  // promise 3: nothing can be recorded
LocalAnswer draining_answer(const ErrorStyle& style);

// Violated rules that are not a shadow's or a silent one's (R42, R44): what callers are told.
std::size_t count_violations(std::span<const policy::Decision> decisions);

// X11: the key's configuration does not let it speak for this agent.
LocalAnswer agent_refusal(const ErrorStyle& style, std::string_view agent);

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
