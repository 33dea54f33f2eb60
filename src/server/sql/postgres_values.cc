#include "server/sql/postgres_values.h"

#include <bit>
#include <charconv>

#include "server/sql/text.h"

namespace capsem::sql {
namespace {

// The types that parameters are declared with (pg_type.oid, fixed for ever). Left to itself the
// server takes the 1 of `x + $1` for 32 bits. A NULL's type is left to it.
constexpr Oid kUnknown = 0;
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;

int digit(char c) {
  return c <= '9' ? c - '0' : c - 'a' + 10;
}

}  // namespace

PostgresRow::PostgresRow(const PGresult* result, int row)
    : result_(result), row_(row), bytes_(static_cast<std::size_t>(PQnfields(result))) {}

bool PostgresRow::is_null(int column) const {
  return PQgetisnull(result_, row_, column) != 0;
}

std::int64_t PostgresRow::number(int column) const {
  const std::string_view digits = raw(column);
  if (digits == "t") return 1;  // boolean; "f" is no number and stays 0
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

std::string_view PostgresRow::blob(int column) const {
  const std::string_view shown = raw(column);
  if (PQftype(result_, column) != kBytea || !shown.starts_with("\\x")) return shown;
  std::string& bytes = bytes_[static_cast<std::size_t>(column)];
  bytes.resize(shown.size() / 2 - 1);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(digit(shown[2 * i + 2]) << 4 | digit(shown[2 * i + 3]));
  }
  return bytes;
}

std::string_view PostgresRow::raw(int column) const {
  return {PQgetvalue(result_, row_, column),
          static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

Parameters::Parameters(std::span<const Value> values) {
  numbers_.reserve(values.size());
  for (const Value& value : values) add(value);
}

std::string Parameters::signature() const {
  std::string letters;
  for (const Oid type : types_) {
    letters += type == kInt8 ? 'i' : type == kText ? 't' : type == kBytea ? 'b' : '-';
  }
  return letters;
}

void Parameters::add(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    const auto bits = static_cast<std::uint64_t>(*number);
    numbers_.push_back(std::endian::native == std::endian::little ? std::byteswap(bits) : bits);
    add(kInt8, {reinterpret_cast<const char*>(&numbers_.back()), sizeof numbers_.back()});
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    add(kText, is_storable(*text) ? *text : changed_.emplace_back(storable(*text)));
  } else if (const auto* blob = std::get_if<Blob>(&value)) {
    add(kBytea, blob->bytes);
  } else {
    add(kUnknown, {});
    data_.back() = nullptr;
  }
}

void Parameters::add(Oid type, std::string_view bytes) {
  types_.push_back(type);
  data_.push_back(bytes.empty() ? "" : bytes.data());
  lengths_.push_back(static_cast<int>(bytes.size()));
  formats_.push_back(1);
}

}  // namespace capsem::sql
