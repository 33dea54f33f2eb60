// Which headers cross the gateway, in either direction, and the heads that are written from them.
// Hop-by-hop fields, cookies, trust headers and our own names stay here (T29, T30); what describes
// the message body is written anew.
#pragma once

#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "server/http/head.h"
#include "server/http/path.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

// `connection`: the message's Connection field, whose tokens name further hop-by-hop fields.
bool forwards_request_field(const http::Field& field, std::string_view connection,
                            Provider provider);
bool forwards_answer_field(const http::Field& field, std::string_view connection);

// The whole head for the provider. `body_bytes` < 0: a request without a body. `stored_key`: goes
// there in the provider's own field, and no credential of the client's does (R38); null: the
// client's go as they came.
std::string upstream_head(const http::RequestHead& head, const http::Target& target,
                          Provider provider, const BaseUrl& base, std::int64_t body_bytes,
                          const Secret* stored_key = nullptr);

// The provider's end-to-end fields, appended to `out`. True when an x-request-id was among them.
// `own_limits`: the caller's limits are told by fields of ours; what the provider says of its own
// would contradict them, and stays here.
bool append_answer_fields(std::string& out, const http::ResponseHead& head,
                          bool own_limits = false);

}  // namespace capsem::proxy
