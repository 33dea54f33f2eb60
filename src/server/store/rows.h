// What the repositories share: pages of rows, and how NULLs and lists stand in columns.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "server/sql/database.h"

namespace capsem::store {

// Rows ordered by time and id, both descending; those behind (before_ms, before_id).
struct Slice {
  std::int64_t limit = 50;
  std::int64_t before_ms = INT64_MAX;
  std::string before_id = {};
};

// 0 and an empty text are NULL.
sql::Value null_if_zero(std::int64_t value);
sql::Value null_if_empty(std::string_view text);
sql::Value null_if_none(const std::optional<std::uint64_t>& value);
std::optional<std::uint64_t> number_or_none(const sql::Row& row, int column);

// A list of texts as a JSON text, and back. Rows are the gateway's own: what is no list of texts
// reads as an empty one only when it is "[]"; otherwise nothing.
std::string to_json_list(const std::vector<std::string>& list);
std::optional<std::vector<std::string>> from_json_list(std::string_view json);

// The single number of an answer.
Result<std::int64_t> number_of(sql::Connection& connection, std::string_view statement,
                               std::initializer_list<sql::Value> values);
// Errors alone, without the count.
Status done(const Result<std::uint64_t>& result);

}  // namespace capsem::store
