// One connection to the database that keeps what the gateway must not forget: SQLite in the data
// directory, or PostgreSQL when several gateways share the work. The same SQL goes to both.
//
// Statements are literals of the program; what comes from outside is always bound ($1, $2, ...; in
// the order of their numbers), never part of the text (T27). A statement is prepared once per
// connection and kept.
//
// Blocking, and not thread-safe: a connection belongs to one thread, which is never a loop's.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/base/error.h"

namespace capsem::sql {

struct Blob {
  std::string_view bytes;
};
// A view: what it points to outlives the call. std::monostate is NULL. A text is stored as
// storable() of text.h makes it: with U+FFFD for every byte that is not UTF-8, and for NUL.
using Value = std::variant<std::monostate, std::int64_t, std::string_view, Blob>;

// One row of an answer; valid during the callback. Columns count from 0. A NULL reads as 0 or
// empty.
class Row {
 public:
  virtual bool is_null(int column) const = 0;
  virtual std::int64_t number(int column) const = 0;
  virtual std::string_view text(int column) const = 0;
  virtual std::string_view blob(int column) const = 0;

 protected:
  ~Row() = default;
};
using OnRow = std::function<void(const Row&)>;

enum class Kind : std::uint8_t { Sqlite, Postgres };

// Error codes of all calls, by who has to act:
//   store_busy      another process holds the lock longer than busy_ms; nothing was written
//   store_full      no space left; nothing was written
//   store_io        the disk failed. What a commit wrote is unknown: open anew and look
//   store_gone      the server or its connection is gone, or did not answer within its time. What a
//                   commit wrote is unknown: open anew and look
//   store_conflict  a unique or foreign key, or a check, forbids it
//   store_invalid   the statement itself, a schema that is not ours, a damaged file
class Connection {
 public:
  virtual ~Connection() = default;
  virtual Kind kind() const = 0;

  // The number of rows that were changed. An error inside of a transaction leaves it to be rolled
  // back.
  virtual Result<std::uint64_t> run(std::string_view statement, std::span<const Value> values,
                                    const OnRow& on_row) = 0;
  Result<std::uint64_t> run(std::string_view statement, std::initializer_list<Value> values = {},
                            const OnRow& on_row = {}) {
    return run(statement, std::span<const Value>(values.begin(), values.size()), on_row);
  }

  // begin() takes SQLite's write lock at once; in PostgreSQL others write meanwhile, so take_lock()
  // what has to be alone. After a failed commit() nothing is open any more. After a statement that
  // failed, commit() rolls back and fails.
  virtual Status begin() = 0;
  virtual Status commit() = 0;
  virtual void rollback() noexcept = 0;  // nothing when nothing is open

  // After store_io and store_gone: false. Such a connection is closed and another one opened. Seen
  // also: a server that closed the connection since the last call.
  virtual bool usable() const = 0;
};

// `work` between begin() and commit(); rolled back when it fails or throws.
Status in_transaction(Connection& connection, const std::function<Status()>& work);

// Until the transaction ends only one connection has the lock called `name`. SQLite's transactions
// are alone anyway. REQUIRES: in a transaction.
Status take_lock(Connection& connection, std::string_view name);

// Where the database is. A value; the password stays in it.
struct Target {
  Kind kind = Kind::Sqlite;
  std::string location;           // SQLite: the file; PostgreSQL: a libpq connection string or URL
  std::uint32_t busy_ms = 1'000;  // wait for a lock; then store_busy
  std::uint32_t statement_ms = 1'000;  // PostgreSQL: one statement; then store_gone
  std::uint32_t connect_ms = 1'000;
};
// `database_url` wins; otherwise `<data_dir>/capsem.db`. REQUIRES: one of them is not empty.
Result<Target> target_of(std::string_view data_dir, std::string_view database_url);
// For messages: never shows a password. "sqlite data/capsem.db", "postgres db.example:5432/capsem"
std::string describe(const Target& target);

// SQLite: WAL, synchronous=FULL, foreign keys, the file created with mode 0600 when it is missing.
// PostgreSQL: statement and lock timeouts set. Does not touch the schema.
Result<std::unique_ptr<Connection>> open(const Target& target);

}  // namespace capsem::sql
