// Copies of a SQLite database: as it was at one moment, checked, and put in place at once.
//
// Blocking; any thread. The copied database may be in use by others, who go on meanwhile.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/error.h"

namespace capsem::sql {

struct Copied {
  std::uint64_t bytes = 0;
  std::uint32_t schema_version = 0;
};

enum class Existing : std::uint8_t { Refuse, Replace };

// `to` is a single file (mode 0600) that needs no other beside it. It is whole or not there: it
// gets its name when its content is on the disk and was found sound. Errors, besides those of
// Connection:
//   file_exists    `to` is there, and is not to be replaced
//   store_in_use   `to` is a database that a program has open
//   store_invalid  `from` is damaged, no database of this program, or newer than this program
Result<Copied> copy_database(const std::string& from, const std::string& to, Existing existing);

}  // namespace capsem::sql
