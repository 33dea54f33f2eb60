// A layer between SQLite and the disk that fails the n-th write or sync: SQLite's own way of testing
// itself. Registered for a while as the default file system of this process.
//
// Syncs are counted and not passed on: what was written is in the page cache, and no test of this
// kind turns the power off.
#pragma once

#include <sqlite3.h>

#include <cstdint>

namespace capsem::sql {

enum class Failing : std::uint8_t {
  Write,       // nothing is written, EIO
  ShortWrite,  // half of it is written, EIO
  Full,        // nothing is written, no space left
  Sync,        // EIO
  Truncate,    // EIO
};

class FaultyFiles {
 public:
  FaultyFiles();
  ~FaultyFiles();
  FaultyFiles(const FaultyFiles&) = delete;
  FaultyFiles& operator=(const FaultyFiles&) = delete;

  // The n-th call of that kind fails, counted from now and from 1; `for_good`: all after it as well.
  void fail(Failing what, int n, bool for_good);
  void repair();
  // The call that was to fail was made.
  bool failed() const;
};

}  // namespace capsem::sql
