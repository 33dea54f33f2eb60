// What SQLite's result codes mean to a caller.
#pragma once

#include "core/base/error.h"

struct sqlite3;

namespace capsem::sql {

// `code` is an extended result code; `what` names the step that failed. The detail is SQLite's own
// sentence, which names tables and columns but never a value. `system`: errno after the call, or 0.
Error sqlite_error(sqlite3* db, int code, const char* what, int system = 0);

}  // namespace capsem::sql
