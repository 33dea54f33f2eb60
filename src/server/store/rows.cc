#include "server/store/rows.h"

#include "core/audit/json_line.h"
#include "core/wire/json.h"

namespace capsem::store {
namespace {

constexpr std::size_t kTextBytesMax = 1u << 20;  // all lists are bounded long before

}  // namespace

sql::Value null_if_zero(std::int64_t value) {
  if (value == 0) return std::monostate{};
  return value;
}

sql::Value null_if_empty(std::string_view text) {
  if (text.empty()) return std::monostate{};
  return text;
}

sql::Value null_if_none(const std::optional<std::uint64_t>& value) {
  if (!value) return std::monostate{};
  return static_cast<std::int64_t>(*value);
}

std::optional<std::uint64_t> number_or_none(const sql::Row& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return static_cast<std::uint64_t>(row.number(column));
}

std::string to_json_list(const std::vector<std::string>& list) {
  std::string json = "[";
  for (const std::string& text : list) {
    if (json.size() > 1) json += ',';
    audit::append_escaped(json, text, kTextBytesMax);
  }
  return json + ']';
}

std::optional<std::vector<std::string>> from_json_list(std::string_view json) {
  std::string padded(json);
  padded.reserve(json.size() + wire::JsonReader::kPadding);
  wire::JsonReader reader;
  if (!reader.parse(padded) || reader.nodes()[0].kind != wire::JsonKind::Array) {
    return std::nullopt;
  }
  std::vector<std::string> list;
  const auto nodes = reader.nodes();
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next) {
    if (nodes[i].kind != wire::JsonKind::String) return std::nullopt;
    list.emplace_back(nodes[i].text);
  }
  return list;
}

Result<std::int64_t> number_of(sql::Connection& connection, std::string_view statement,
                               std::initializer_list<sql::Value> values) {
  std::int64_t number = 0;
  const auto read =
      connection.run(statement, values, [&](const sql::Row& row) { number = row.number(0); });
  if (!read) return std::unexpected(read.error());
  return number;
}

Status done(const Result<std::uint64_t>& result) {
  if (!result) return std::unexpected(result.error());
  return {};
}

}  // namespace capsem::store
