// The head of a message: Beast's parser, behind checks for everything that Beast repairs or lets
// pass. What is ambiguous is refused, never repaired (promise 2).
#pragma once

#include <cstdint>
#include <string_view>

#include "server/http/head.h"
#include "server/http/limits.h"

namespace capsem::http {

// Why a message was refused. The connection cannot be used any more.
struct Refusal {
  int status = 0;           // 0: not refused
  std::string_view reason;  // for the caller; names no content
  explicit operator bool() const { return status != 0; }
};

// Where the blank line that ends the head ends, looking from `from` on: npos when it is not there
// yet. Bare LF and bare CR are found too late here; parse_*() refuses them.
std::size_t find_head_end(std::string_view text, std::size_t from);

// Checks of a head that may still be incomplete: what can be refused already, is.
Refusal check_partial_request(std::string_view text, const ReaderLimits& limits);

// `text` is the whole head with its blank line; views of `head` point into it.
Refusal parse_request_head(std::string_view text, const ReaderLimits& limits, RequestHead& head);
Refusal parse_response_head(std::string_view text, const ReaderLimits& limits,
                            bool request_was_head, ResponseHead& head);

}  // namespace capsem::http
