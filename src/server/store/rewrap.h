// A master key is replaced while the gateway runs: what is sealed under an older one is opened and
// sealed again under the first (promise 6).
#pragma once

#include <cstdint>

#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/vault/vault.h"

namespace capsem::store {

// Provider keys, kept contents, and what open reviews keep. A few rows per transaction, so that
// nobody waits long for the write lock; may be interrupted and done again. How many blobs changed.
// Nobody notices: what is sealed says the same as before.
//
// What does not open is left as it is. Errors: the database's; "no_master_key"; "not_rewrapped":
// how many did not open, after all others were done.
Result<std::uint64_t> rewrap(sql::Connection& connection, const vault::Vault& vault);

}  // namespace capsem::store
