// The request target: path and query, decoded once and matched exactly (T04). Every form that
// another server could read as a different path is refused, not normalised.
#pragma once

#include <string>
#include <string_view>

#include "server/http/head_parser.h"

namespace capsem::http {

struct Target {
  std::string_view raw_path;  // as sent, without query
  std::string_view query;     // as sent, without '?'; no fragment
  std::string path;           // decoded once; begins with '/'
};

// Only the origin form. "*" is left to the caller ("OPTIONS *").
Refusal parse_target(std::string_view target, Target& out);

// `query` without the parameters named `name`.
std::string query_without(std::string_view query, std::string_view name);
// The decoded value of the first parameter `name`; `count` is how many there are.
std::string query_value(std::string_view query, std::string_view name, int& count);

}  // namespace capsem::http
