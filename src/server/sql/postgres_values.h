// How values travel to PostgreSQL and back.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/sql/database.h"

namespace capsem::sql {

// A row of an answer in text format.
class PostgresRow final : public Row {
 public:
  PostgresRow(const PGresult* result, int row);
  bool is_null(int column) const override;
  std::int64_t number(int column) const override;
  std::string_view text(int column) const override { return blob(column); }
  std::string_view blob(int column) const override;

 private:
  std::string_view raw(int column) const;

  const PGresult* result_;
  int row_;
  mutable std::vector<std::string> bytes_;  // what bytea columns decode to, by column
};

// The values of one call as libpq takes them: all in binary, so that lengths count and nothing is
// quoted.
class Parameters {
 public:
  explicit Parameters(std::span<const Value> values);
  int count() const { return static_cast<int>(types_.size()); }
  const Oid* types() const { return types_.data(); }
  const char* const* data() const { return data_.data(); }
  const int* lengths() const { return lengths_.data(); }
  const int* formats() const { return formats_.data(); }
  // What a statement was prepared with.
  std::string signature() const;

 private:
  void add(const Value& value);
  void add(Oid type, std::string_view bytes);

  std::vector<std::uint64_t> numbers_;  // reserved: data_ points into it
  std::list<std::string> changed_;
  std::vector<Oid> types_;
  std::vector<const char*> data_;
  std::vector<int> lengths_;
  std::vector<int> formats_;
};

}  // namespace capsem::sql
