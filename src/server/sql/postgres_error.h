// What PostgreSQL's SQLSTATEs mean to a caller.
#pragma once

#include <libpq-fe.h>

#include <string_view>

#include "core/base/error.h"

namespace capsem::sql {

// "store_busy", "store_full", ... of a five-letter SQLSTATE; "store_gone" for an empty one, which
// is how libpq reports a connection that broke.
const char* postgres_code(std::string_view sqlstate);

// The detail names the SQLSTATE, the constraint and the table. The server's sentence is repeated
// only where it cannot hold a bound value.
Error postgres_error(const PGresult* result);

}  // namespace capsem::sql
