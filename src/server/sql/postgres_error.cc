#include "server/sql/postgres_error.h"

#include <string>

namespace capsem::sql {
namespace {

struct Row {
  std::string_view prefix;  // of the SQLSTATE; the first row that fits holds
  const char* code;
};
constexpr Row kRows[] = {
    {"08P01", "store_invalid"},   // the server's word for too few values
    {"08", "store_gone"},         // connection exceptions
    {"57P", "store_gone"},        // shut down, crashed, cannot connect now
    {"57014", "store_gone"},      // statement_timeout
    {"25006", "store_gone"},      // read-only: a replica, after the primary moved
    {"25P03", "store_gone"},      // idle in a transaction for too long: the session was ended
    {"53300", "store_gone"},      // too many connections
    {"53100", "store_full"},      // disk full
    {"53400", "store_full"},      // configuration limit exceeded
    {"53", "store_busy"},         // out of memory and the like: nothing was written
    {"55P03", "store_busy"},      // lock_timeout
    {"40", "store_busy"},         // deadlock, serialization
    {"23", "store_conflict"},     // integrity constraints
    {"P0001", "store_conflict"},  // RAISE EXCEPTION of the schema's own triggers
    {"58", "store_io"},           // I/O errors
};

bool says_no_value(std::string_view sqlstate) {
  for (const std::string_view prefix :
       {"08", "25", "28", "3D", "40", "42", "53", "55", "57", "58", "P0001", "XX"}) {
    if (sqlstate.starts_with(prefix)) return true;
  }
  return false;
}

std::string field(const PGresult* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text != nullptr ? text : "";
}

}  // namespace

const char* postgres_code(std::string_view sqlstate) {
  if (sqlstate.empty()) return "store_gone";
  for (const Row& row : kRows) {
    if (sqlstate.starts_with(row.prefix)) return row.code;
  }
  return "store_invalid";
}

Error postgres_error(const PGresult* result) {
  const std::string sqlstate = field(result, PG_DIAG_SQLSTATE);
  std::string detail = "postgres: SQLSTATE " + (sqlstate.empty() ? "missing" : sqlstate);
  if (const std::string table = field(result, PG_DIAG_TABLE_NAME); !table.empty()) {
    detail += ", table " + table;
  }
  if (const std::string constraint = field(result, PG_DIAG_CONSTRAINT_NAME); !constraint.empty()) {
    detail += ", constraint " + constraint;
  }
  if (says_no_value(sqlstate)) detail += ": " + field(result, PG_DIAG_MESSAGE_PRIMARY);
  return {.fault = Fault::Gateway, .code = postgres_code(sqlstate), .detail = std::move(detail)};
}

}  // namespace capsem::sql
