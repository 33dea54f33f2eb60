#include "server/sql/copy.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <string_view>

#include "server/sql/database.h"
#include "server/sql/schema.h"
#include "server/sql/sqlite_error.h"

namespace capsem::sql {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

std::unexpected<Error> file_error(const std::string& path, const char* what) {
  return gateway_error("store_io", path + ": " + what + ": " + ::strerror(errno));
}

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  ~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

// Removed unless it got its final name.
struct Temporary {
  std::string path;
  bool kept = false;
  ~Temporary() {
    if (!kept) ::unlink(path.c_str());
  }
};

Result<Database> open_file(const std::string& path, int flags) {
  sqlite3* made = nullptr;
  const std::string name = path.starts_with('/') ? path : "./" + path;
  const int code = sqlite3_open_v2(name.c_str(), &made,
                                   flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Database db(made);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(db.get(), code, "open");
    error.detail = path + ": " + error.detail;
    return std::unexpected(std::move(error));
  }
  sqlite3_busy_timeout(db.get(), 5'000);
  return db;
}

Status copy_pages(sqlite3* from, sqlite3* to) {
  sqlite3_backup* const copy = sqlite3_backup_init(to, "main", from, "main");
  if (copy == nullptr)
    return std::unexpected(sqlite_error(to, sqlite3_extended_errcode(to), "copy"));
  // All pages in one step: one read transaction, so one moment. Writers of a WAL go on.
  int code = SQLITE_BUSY;
  for (int tries = 0; tries < 100 && (code == SQLITE_BUSY || code == SQLITE_LOCKED); ++tries) {
    code = sqlite3_backup_step(copy, -1);
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) sqlite3_sleep(50);
  }
  const int finished = sqlite3_backup_finish(copy);
  if (code == SQLITE_DONE) code = finished;
  if (code != SQLITE_OK) return std::unexpected(sqlite_error(to, code, "copy"));
  return {};
}

// The file as a connection of ours sees it: sound, and of a version that this program knows.
Result<std::uint32_t> check(const std::string& path) {
  auto connection = open({.location = path});
  if (!connection) return std::unexpected(std::move(connection.error()));
  std::string found;
  auto checked = (*connection)->run("PRAGMA integrity_check(1)", {}, [&](const Row& row) {
    found = row.text(0);
  });
  if (!checked) return std::unexpected(std::move(checked.error()));
  if (found != "ok") return gateway_error("store_invalid", "the database is damaged: " + found);
  const auto version = version_of(**connection);
  if (!version) return version;
  if (*version == 0) return gateway_error("store_invalid", "this is no database of the gateway");
  if (*version > schema_version()) {
    return gateway_error("store_invalid",
                         "the database has schema version " + std::to_string(*version) +
                             "; this program knows up to " + std::to_string(schema_version()));
  }
  // Leaves the WAL mode, in which the file would not be whole without its companions.
  auto single = (*connection)->run("PRAGMA journal_mode=DELETE");
  if (!single) return std::unexpected(std::move(single.error()));
  return version;
}

Status sync_file(const std::string& path, int flags) {
  const File file(::open(path.c_str(), flags | O_CLOEXEC));
  if (file.get() < 0 || ::fsync(file.get()) != 0) return file_error(path, "cannot be synced");
  return {};
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Every program that has a database in WAL mode open holds a read lock on these bytes of it
// (SQLite's "shared" range). While we have the write lock none can open it.
Result<bool> lock_whole(const File& file) {
  struct flock range{};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  range.l_start = 0x40000000;
  range.l_len = 512;
  if (::fcntl(file.get(), F_SETLK, &range) == 0) return true;
  if (errno == EACCES || errno == EAGAIN) return false;
  return std::unexpected(Error{Fault::Gateway, "store_io", ::strerror(errno)});
}

Status put_in_place(Temporary& made, const std::string& to, Existing existing) {
  const File old(::open(to.c_str(), O_RDWR | O_CLOEXEC));
  if (old.get() >= 0) {
    if (existing == Existing::Refuse) return gateway_error("file_exists", to + " is there already");
    const auto locked = lock_whole(old);
    if (!locked) return std::unexpected(locked.error());
    if (!*locked) return gateway_error("store_in_use", to + " is in use: stop the gateway first");
    // A log that is left there would be taken for the new file's.
    for (const char* companion : {"-wal", "-shm", "-journal"}) {
      const std::string path = to + companion;
      if (::unlink(path.c_str()) != 0 && errno != ENOENT)
        return file_error(path, "cannot be removed");
    }
  } else if (errno != ENOENT) {
    return file_error(to, "cannot be opened");
  }
  if (::rename(made.path.c_str(), to.c_str()) != 0) return file_error(to, "cannot be named");
  made.kept = true;
  return sync_file(folder_of(to), O_RDONLY | O_DIRECTORY);
}

}  // namespace

Result<Copied> copy_database(const std::string& from, const std::string& to, Existing existing) {
  if (existing == Existing::Refuse && ::access(to.c_str(), F_OK) == 0) {
    return gateway_error("file_exists", to + " is there already");
  }
  std::string name = to + ".part-XXXXXX";
  {
    const File made(::mkstemp(name.data()));  // with mode 0600
    if (made.get() < 0) return file_error(to, "cannot be made");
  }
  Temporary temporary{.path = std::move(name)};
  {
    auto source = open_file(from, SQLITE_OPEN_READWRITE);
    // A copy on a disk that cannot be written is read as it is.
    if (!source) source = open_file(from, SQLITE_OPEN_READONLY);
    if (!source) return std::unexpected(std::move(source.error()));
    auto target = open_file(temporary.path, SQLITE_OPEN_READWRITE);
    if (!target) return std::unexpected(std::move(target.error()));
    if (Status copied = copy_pages(source->get(), target->get()); !copied) {
      copied.error().detail = from + ": " + copied.error().detail;
      return std::unexpected(std::move(copied.error()));
    }
  }
  const auto version = check(temporary.path);
  if (!version) {
    Error error = version.error();
    error.detail = from + ": " + error.detail;
    return std::unexpected(std::move(error));
  }
  if (Status synced = sync_file(temporary.path, O_RDWR); !synced) {
    return std::unexpected(std::move(synced.error()));
  }
  struct stat about{};
  if (::stat(temporary.path.c_str(), &about) != 0)
    return file_error(temporary.path, "cannot be read");
  if (Status placed = put_in_place(temporary, to, existing); !placed) {
    return std::unexpected(std::move(placed.error()));
  }
  return Copied{.bytes = static_cast<std::uint64_t>(about.st_size), .schema_version = *version};
}

}  // namespace capsem::sql
