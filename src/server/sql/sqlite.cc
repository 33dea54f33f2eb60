#include "server/sql/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "server/sql/sqlite_error.h"
#include "server/sql/text.h"

namespace capsem::sql {
namespace {

using Clock = std::chrono::steady_clock;

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

// Looks statements up by views, without making a string of each.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};

struct Prepared {
  std::unique_ptr<sqlite3_stmt, Finalize> statement;
  std::vector<std::size_t> value_of;  // by SQLite's own number of a parameter - 1
  std::size_t values = 0;
  bool in_use = false;
};

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override {
    return sqlite3_column_type(statement_, column) == SQLITE_NULL;
  }
  std::int64_t number(int column) const override {
    return sqlite3_column_int64(statement_, column);
  }
  std::string_view text(int column) const override { return blob(column); }
  // Numbers become text. Asked for first, because the conversion moves what was there before.
  std::string_view blob(int column) const override {
    const void* bytes = sqlite3_column_type(statement_, column) == SQLITE_BLOB
                            ? sqlite3_column_blob(statement_, column)
                            : sqlite3_column_text(statement_, column);
    if (bytes == nullptr) return {};
    return {static_cast<const char*>(bytes),
            static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

// Ends a use of a statement, also when a callback throws.
class Use {
 public:
  explicit Use(Prepared& prepared) : prepared_(prepared) { prepared_.in_use = true; }
  ~Use() {
    sqlite3_reset(prepared_.statement.get());
    sqlite3_clear_bindings(prepared_.statement.get());
    prepared_.in_use = false;
  }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Prepared& prepared_;
};

class SqliteConnection final : public Connection {
 public:
  explicit SqliteConnection(std::uint32_t busy_ms) : busy_(busy_ms) {}

  Status open(const std::string& file);

  Kind kind() const override { return Kind::Sqlite; }
  using Connection::run;
  Result<std::uint64_t> run(std::string_view statement, std::span<const Value> values,
                            const OnRow& on_row) override;
  Status begin() override;
  Status commit() override;
  void rollback() noexcept override;
  bool usable() const override { return usable_; }

 private:
  // Statements are the program's literals; more than that means somebody builds them.
  static constexpr std::size_t kStatementsMax = 1'024;

  static int on_busy(void* self, int tries);
  std::unexpected<Error> fail(int code, const char* what);
  Status execute(const char* statement);
  Status use_wal();
  Result<Prepared> prepare(std::string_view statement);
  Result<Prepared*> prepared(std::string_view statement);
  // `changed` keeps texts that could not be bound as they are, until the statement is reset.
  Status bind(Prepared& prepared, std::span<const Value> values, std::list<std::string>& changed);
  Result<std::uint64_t> step(Prepared& prepared, std::span<const Value> values,
                             const OnRow& on_row);

  // Constant after construction.
  const std::chrono::milliseconds busy_;

  Database db_;
  std::unordered_map<std::string, Prepared, TextHash, std::equal_to<>> statements_;
  Clock::time_point busy_since_;
  bool usable_ = true;
  bool broken_ = false;  // a statement of the open transaction failed
};

// SQLite's own handler sleeps up to 100 ms at a time. Connections of one gateway share the file,
// and none of them holds the lock for longer than a commit takes.
int SqliteConnection::on_busy(void* self, int tries) {
  auto& connection = *static_cast<SqliteConnection*>(self);
  const Clock::time_point now = Clock::now();
  if (tries == 0) connection.busy_since_ = now;
  if (now - connection.busy_since_ >= connection.busy_) return 0;
  std::this_thread::sleep_for(std::chrono::microseconds(std::min(200 * (tries + 1), 5'000)));
  return 1;
}

std::unexpected<Error> SqliteConnection::fail(int code, const char* what) {
  Error error = sqlite_error(db_.get(), code, what, errno);
  const int kind = code & 0xff;
  if (error.code == "store_io" || kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) usable_ = false;
  if (db_ && sqlite3_get_autocommit(db_.get()) == 0) broken_ = true;
  return std::unexpected(std::move(error));
}

Status SqliteConnection::execute(const char* statement) {
  errno = 0;
  const int code = sqlite3_exec(db_.get(), statement, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(code, statement);
  return {};
}

// Two that open a new file at once get SQLITE_BUSY here without a call of the busy handler.
Status SqliteConnection::use_wal() {
  const Clock::time_point end = Clock::now() + busy_;
  while (true) {
    Status done = execute("PRAGMA journal_mode=WAL");
    if (done || done.error().code != "store_busy" || Clock::now() >= end) return done;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// SQLite counts its memory for the whole process, under a lock; nobody asks for the count.
void spare_memory_counts() {
  static std::once_flag once;
  std::call_once(once, [] { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); });
}

Status SqliteConnection::open(const std::string& file) {
  spare_memory_counts();
  // A name that begins with "file:" would be read as an address with options.
  const std::string path = file.starts_with('/') ? file : "./" + file;
  sqlite3* db = nullptr;
  const int code =
      sqlite3_open_v2(path.c_str(), &db,
                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  db_.reset(db);
  if (code != SQLITE_OK) return fail(code, "open");
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_handler(db, &SqliteConnection::on_busy, this);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Both of a new file alone, and before anything is written to it. Pages: what is added to the
  // audit costs a share of each page, which is digested, written, read and written again. Vacuum:
  // space that retention frees can be given back.
  for (const char* pragma : {"PRAGMA page_size=8192", "PRAGMA auto_vacuum=INCREMENTAL"}) {
    if (Status done = execute(pragma); !done) return done;
  }
  if (Status wal = use_wal(); !wal) return wal;
  for (const char* pragma :
       {"PRAGMA synchronous=FULL", "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF",
        "PRAGMA temp_store=MEMORY", "PRAGMA journal_size_limit=67108864"}) {
    if (Status done = execute(pragma); !done) return done;
  }
  std::string mode;
  auto read = run("PRAGMA journal_mode", {}, [&](const Row& row) { mode = row.text(0); });
  if (!read) return std::unexpected(std::move(read.error()));
  if (mode != "wal") {
    return gateway_error("store_invalid",
                         "sqlite: this file system cannot hold a database in WAL "
                         "mode (journal mode is " +
                             mode + ")");
  }
  return {};
}

Result<Prepared> SqliteConnection::prepare(std::string_view statement) {
  sqlite3_stmt* made = nullptr;
  const char* rest = nullptr;
  const int code =
      sqlite3_prepare_v3(db_.get(), statement.data(), static_cast<int>(statement.size()),
                         SQLITE_PREPARE_PERSISTENT, &made, &rest);
  Prepared prepared;
  prepared.statement.reset(made);
  if (code != SQLITE_OK) return fail(code, "prepare");
  const std::string_view tail(rest, static_cast<std::size_t>(statement.end() - rest));
  if (made == nullptr || tail.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
    return gateway_error("store_invalid", "sqlite: not exactly one statement");
  }
  for (int i = 1; i <= sqlite3_bind_parameter_count(made); ++i) {
    const char* name = sqlite3_bind_parameter_name(made, i);
    std::size_t number = 0;
    const std::string_view digits = name != nullptr ? std::string_view(name).substr(1) : "";
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (digits.empty() || read.ptr != digits.data() + digits.size() || number == 0) {
      return gateway_error("store_invalid", "sqlite: a parameter that is not $1, $2, ...");
    }
    prepared.value_of.push_back(number - 1);
    prepared.values = std::max(prepared.values, number);
  }
  return prepared;
}

Result<Prepared*> SqliteConnection::prepared(std::string_view statement) {
  if (const auto found = statements_.find(statement); found != statements_.end()) {
    return &found->second;
  }
  Result<Prepared> made = prepare(statement);
  if (!made) return std::unexpected(std::move(made.error()));
  if (statements_.size() >= kStatementsMax) {
    std::erase_if(statements_, [](const auto& entry) { return !entry.second.in_use; });
  }
  return &statements_.emplace(std::string(statement), std::move(*made)).first->second;
}

Status SqliteConnection::bind(Prepared& prepared, std::span<const Value> values,
                              std::list<std::string>& changed) {
  sqlite3_stmt* const statement = prepared.statement.get();
  for (std::size_t i = 0; i < prepared.value_of.size(); ++i) {
    const Value& value = values[prepared.value_of[i]];
    const int at = static_cast<int>(i) + 1;
    int code = SQLITE_OK;
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      code = sqlite3_bind_int64(statement, at, *number);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      std::string_view bytes = *text;
      if (!is_storable(bytes)) bytes = changed.emplace_back(storable(bytes));
      // A null pointer would be bound as NULL.
      code = sqlite3_bind_text64(statement, at, bytes.empty() ? "" : bytes.data(), bytes.size(),
                                 nullptr, SQLITE_UTF8);
    } else if (const auto* blob = std::get_if<Blob>(&value)) {
      code = sqlite3_bind_blob64(statement, at, blob->bytes.empty() ? "" : blob->bytes.data(),
                                 blob->bytes.size(), nullptr);
    } else {
      code = sqlite3_bind_null(statement, at);
    }
    if (code != SQLITE_OK) return fail(code, "bind");
  }
  return {};
}

Result<std::uint64_t> SqliteConnection::step(Prepared& prepared, std::span<const Value> values,
                                             const OnRow& on_row) {
  std::list<std::string> changed;
  const Use use(prepared);
  if (prepared.values != values.size()) {
    return gateway_error("store_invalid", "sqlite: " + std::to_string(prepared.values) +
                                              " parameters, " + std::to_string(values.size()) +
                                              " values");
  }
  if (Status bound = bind(prepared, values, changed); !bound) return std::unexpected(bound.error());
  sqlite3_stmt* const statement = prepared.statement.get();
  const std::int64_t changes_before = sqlite3_total_changes64(db_.get());
  errno = 0;  // SQLite's own note of it is not kept for a commit
  int code = sqlite3_step(statement);
  while (code == SQLITE_ROW) {
    if (on_row) on_row(SqliteRow(statement));
    code = sqlite3_step(statement);
  }
  if (code != SQLITE_DONE) return fail(code, "run");
  // The count of a statement that changed nothing is that of the one before it.
  if (sqlite3_total_changes64(db_.get()) == changes_before) return 0;
  return static_cast<std::uint64_t>(sqlite3_changes64(db_.get()));
}

Result<std::uint64_t> SqliteConnection::run(std::string_view statement,
                                            std::span<const Value> values, const OnRow& on_row) {
  if (!usable_) return gateway_error("store_io", "sqlite: the connection is closed after an error");
  Result<Prepared*> found = prepared(statement);
  Result<std::uint64_t> done = 0;
  if (!found) {
    done = std::unexpected(std::move(found.error()));
  } else if ((*found)->in_use) {  // run again by its own callback
    Result<Prepared> another = prepare(statement);
    if (another) {
      done = step(*another, values, on_row);
    } else {
      done = std::unexpected(std::move(another.error()));
    }
  } else {
    done = step(**found, values, on_row);
  }
  if (!done && sqlite3_get_autocommit(db_.get()) == 0) broken_ = true;
  return done;
}

Status SqliteConnection::begin() {
  if (!usable_) return gateway_error("store_io", "sqlite: the connection is closed after an error");
  broken_ = false;
  auto begun = run("BEGIN IMMEDIATE");
  if (!begun) return std::unexpected(std::move(begun.error()));
  return {};
}

Status SqliteConnection::commit() {
  // SQLite rolls back by itself after some errors; the words after that would stand alone.
  if (broken_ || sqlite3_get_autocommit(db_.get()) != 0) {
    rollback();
    return gateway_error("store_invalid", "sqlite: a statement of the transaction had failed");
  }
  auto done = run("COMMIT");
  if (done) return {};
  rollback();
  return std::unexpected(std::move(done.error()));
}

void SqliteConnection::rollback() noexcept {
  broken_ = false;
  if (!db_ || sqlite3_get_autocommit(db_.get()) != 0) return;
  if (sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr) != SQLITE_OK) usable_ = false;
}

// Not left to SQLite, which would create the file with the umask's mode. One at a time: closing any
// descriptor of a file drops the locks that this process has on it, and nobody has one before the
// file is there.
Status create_file(const std::string& file) {
  static std::mutex creating;
  const std::scoped_lock lock(creating);
  const std::size_t slash = file.rfind('/');
  if (slash != std::string::npos && slash > 0) {
    ::mkdir(file.substr(0, slash).c_str(), 0700);  // what matters is whether the file can be made
  }
  const int made = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (made >= 0) {
    ::close(made);
  } else if (errno != EEXIST) {
    return gateway_error("store_io", "cannot create " + file + ": " + ::strerror(errno));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Connection>> open_sqlite(const Target& target) {
  if (Status created = create_file(target.location); !created) {
    return std::unexpected(std::move(created.error()));
  }
  auto connection = std::make_unique<SqliteConnection>(target.busy_ms);
  if (Status opened = connection->open(target.location); !opened) {
    opened.error().detail = target.location + ": " + opened.error().detail;
    return std::unexpected(std::move(opened.error()));
  }
  return connection;
}

}  // namespace capsem::sql
