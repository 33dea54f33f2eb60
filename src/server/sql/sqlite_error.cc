#include "server/sql/sqlite_error.h"

#include <errno.h>
#include <sqlite3.h>

#include <string>

namespace capsem::sql {
namespace {

const char* code_of(int code, int system) {
  // A quota or a size limit is a full disk to us, but SQLite knows only ENOSPC as one. Only for a
  // write: when it fails, the commit mark is not in the log. A failed sync leaves that unknown.
  if (code == SQLITE_IOERR_WRITE && (system == ENOSPC || system == EDQUOT || system == EFBIG)) {
    return "store_full";
  }
  switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT:
      return "store_busy";
    case SQLITE_FULL:
      return "store_full";
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
      return "store_io";
    case SQLITE_CONSTRAINT:
      return "store_conflict";
    default:
      return "store_invalid";
  }
}

}  // namespace

Error sqlite_error(sqlite3* db, int code, const char* what, int system) {
  std::string detail = std::string("sqlite: ") + what + ": ";
  detail += db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  detail += " (" + std::to_string(code) + ")";
  return {.fault = Fault::Gateway, .code = code_of(code, system), .detail = std::move(detail)};
}

}  // namespace capsem::sql
