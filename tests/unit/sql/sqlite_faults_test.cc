// What SQLite does to us when the disk fails, is full, is locked or was cut off (promise 3).
#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "server/sql/schema.h"
#include "tests/unit/sql/databases.h"
#include "tests/unit/sql/faulty_files.h"

namespace capsem::sql {

namespace {

using testing::HasSubstr;

class SqliteFaults : public testing::Test {
 protected:
  SqliteFaults() { target_.location = folder_.path("capsem.db"); }
  static std::unique_ptr<Connection> with_table(const Target& target) {
    auto connection = opened(target);
    EXPECT_DONE(
        connection->run("CREATE TABLE IF NOT EXISTS thing (id BIGINT PRIMARY KEY,"
                        " word TEXT NOT NULL)"));
    return connection;
  }
  static Status add(Connection& connection, std::int64_t id) {
    static const std::string kWord(1'500, 'w');  // so that a few rows are a page
    return in_transaction(connection, [&]() -> Status {
      auto done = connection.run("INSERT INTO thing (id, word) VALUES ($1, $2)",
                                 {id, std::string_view(kWord)});
      if (!done) return std::unexpected(done.error());
      return {};
    });
  }
  static std::int64_t things(Connection& connection) {
    return count(connection, "SELECT count(*) FROM thing");
  }
  static std::string integrity(Connection& connection) {
    std::string found;
    EXPECT_DONE(
        connection.run("PRAGMA integrity_check", {}, [&](const Row& row) { found = row.text(0); }));
    return found;
  }

  Folder folder_;
  Target target_;
};

// A writer as the audit's: it opens anew after an error, looks what is there, and goes on. Rows
// that were acknowledged are returned.
struct Writer {
  Target target;
  std::set<std::int64_t> acknowledged;
  std::set<std::string> codes;
  int refused = 0;

  template <class Add>
  void work(const Add& add, std::int64_t rows, FaultyFiles& files, bool repair_after_error) {
    std::unique_ptr<Connection> connection;
    for (std::int64_t id = 1; id <= rows; ++id) {
      for (int tries = 0; tries < 50; ++tries) {
        if (!connection || !connection->usable()) {
          connection.reset();
          auto made = open(target);
          if (made && (*made)->run("PRAGMA wal_autocheckpoint=4")) connection = std::move(*made);
        }
        bool there = false;
        const bool looked = connection && connection->run("SELECT id FROM thing WHERE id = $1",
                                                          {id}, [&](const Row&) { there = true; });
        if (looked && there) break;
        Status done = looked ? add(*connection, id) : gateway_error("store_io", "");
        if (done) {
          acknowledged.insert(id);
          break;
        }
        codes.insert(done.error().code);
        ++refused;
        if (repair_after_error) files.repair();
      }
      if (refused > 20) return;
    }
  }
};

// SQLite's I/O-error loop: the n-th call fails, for n = 1, 2, ... until none does.
TEST_F(SqliteFaults, NoAcknowledgedRowIsLostWhicheverWriteOrSyncFails) {
  constexpr std::int64_t kRows = 8;
  for (const Failing what :
       {Failing::Write, Failing::ShortWrite, Failing::Full, Failing::Sync, Failing::Truncate}) {
    for (const bool for_good : {false, true}) {
      int n = 1;
      for (bool reached = true; reached; ++n) {
        SCOPED_TRACE(testing::Message() << "fault " << static_cast<int>(what) << ", call " << n
                                        << (for_good ? ", for good" : ", once"));
        ASSERT_LT(n, 2'000);
        const Folder folder;
        FaultyFiles files;
        Writer writer{.target = {.location = folder.path("capsem.db"), .busy_ms = 20},
                      .acknowledged = {},
                      .codes = {}};
        with_table(writer.target).reset();
        files.fail(what, n, for_good);
        writer.work([](Connection& c, std::int64_t id) { return add(c, id); }, kRows, files,
                    /*repair_after_error=*/!for_good);
        reached = files.failed();
        files.repair();
        const auto after = opened(writer.target);
        ASSERT_NE(after, nullptr);
        std::set<std::int64_t> there;
        EXPECT_DONE(after->run("SELECT id FROM thing", {},
                               [&](const Row& row) { there.insert(row.number(0)); }));
        EXPECT_TRUE(std::includes(there.begin(), there.end(), writer.acknowledged.begin(),
                                  writer.acknowledged.end()));
        EXPECT_EQ(integrity(*after), "ok");
        for (const std::string& code : writer.codes) {
          EXPECT_THAT(code, testing::AnyOf("store_io", "store_full"));
        }
        if (!for_good) {
          EXPECT_EQ(there.size(), static_cast<std::size_t>(kRows)) << "it went on";
        }
        if (testing::Test::HasFailure()) return;
      }
      // Truncation is rare; every transaction writes and syncs.
      if (what != Failing::Truncate) {
        EXPECT_GT(n, kRows) << static_cast<int>(what);
      }
    }
  }
}

TEST_F(SqliteFaults, ADiskThatFailsClosesTheConnection) {
  FaultyFiles files;
  const auto connection = with_table(target_);
  files.fail(Failing::Sync, 1, false);
  const Status done = add(*connection, 1);
  EXPECT_EQ(code_of(done), "store_io");
  EXPECT_FALSE(connection->usable());
  EXPECT_EQ(code_of(connection->run("SELECT 1")), "store_io");
  EXPECT_EQ(code_of(connection->begin()), "store_io");
}

TEST_F(SqliteFaults, AFullDiskIsSaidAndNothingElseIsLost) {
  const auto connection = with_table(target_);
  EXPECT_DONE(add(*connection, 1));
  const std::int64_t pages = count(*connection, "PRAGMA page_count");
  const std::string limit = "PRAGMA max_page_count=" + std::to_string(pages + 2);
  EXPECT_DONE(connection->run(limit));
  std::int64_t id = 1;
  Status done;
  while (done && id < 100) done = add(*connection, ++id);
  EXPECT_EQ(code_of(done), "store_full");
  EXPECT_TRUE(connection->usable());
  EXPECT_EQ(things(*connection), id - 1);
  EXPECT_DONE(connection->run("PRAGMA max_page_count=100000"));
  EXPECT_DONE(add(*connection, id));
  EXPECT_EQ(things(*opened(target_)), id);
}

TEST_F(SqliteFaults, ALimitOnFilesIsAFullDisk) {
  const auto connection = with_table(target_);
  struct stat log{};
  ASSERT_EQ(::stat((target_.location + "-wal").c_str(), &log), 0);
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = static_cast<rlim_t>(log.st_size) + 20'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::int64_t id = 0;
  Status done;
  while (done && id < 100) done = add(*connection, ++id);
  ::setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_EQ(code_of(done), "store_full") << done.error().detail;
  EXPECT_GT(id, 1);
  EXPECT_TRUE(connection->usable());
  EXPECT_DONE(add(*connection, id));
  EXPECT_EQ(things(*opened(target_)), id);
}

// The table of faults: a second process holds EXCLUSIVE.
TEST_F(SqliteFaults, ADatabaseThatIsLockedIsBusyAfterItsTimeAndLosesNothing) {
  target_.busy_ms = 40;
  with_table(target_).reset();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(target_.location.c_str(), &other), SQLITE_OK);
  const auto run = [&](const char* statement) {
    return sqlite3_exec(other, statement, nullptr, nullptr, nullptr);
  };
  // Opened before and while it is locked.
  auto early = opened(target_);
  ASSERT_EQ(run("BEGIN IMMEDIATE"), SQLITE_OK);
  EXPECT_EQ(code_of(add(*early, 1)), "store_busy");
  EXPECT_TRUE(early->usable());
  EXPECT_EQ(things(*early), 0) << "reading goes on";
  ASSERT_EQ(run("COMMIT"), SQLITE_OK);
  EXPECT_DONE(add(*early, 1));
  early.reset();

  ASSERT_EQ(run("PRAGMA locking_mode=EXCLUSIVE"), SQLITE_OK);
  ASSERT_EQ(run("BEGIN EXCLUSIVE"), SQLITE_OK);
  const auto late = open(target_);
  EXPECT_EQ(code_of(late), "store_busy");
  ASSERT_EQ(run("COMMIT"), SQLITE_OK);
  sqlite3_close(other);
  const auto after = opened(target_);
  EXPECT_DONE(add(*after, 2));
  EXPECT_EQ(things(*after), 2);
}

// As a user who may not write there.
class AsNobody {
 public:
  AsNobody() : was_root_(::geteuid() == 0) {
    if (was_root_) {
      EXPECT_EQ(::seteuid(65534), 0);
    }
  }
  ~AsNobody() {
    if (was_root_) {
      EXPECT_EQ(::seteuid(0), 0);
    }
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  const bool was_root_;
};

TEST_F(SqliteFaults, AFolderThatCannotBeWrittenIsSaid) {
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  {
    const AsNobody nobody;
    const auto made = open(target_);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, "store_io");
    EXPECT_THAT(made.error().detail, HasSubstr(target_.location));
  }
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  with_table(target_).reset();
  ASSERT_EQ(::chmod(target_.location.c_str(), 0666), 0);
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0555), 0);
  {
    const AsNobody nobody;
    EXPECT_EQ(code_of(open(target_)), "store_io") << "the log cannot be made";
  }
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
}

TEST_F(SqliteFaults, FilesAreTheirOwnersAlone) {
  const mode_t before = ::umask(0);
  target_.location = folder_.path("made/capsem.db");
  const auto connection = with_table(target_);
  ::umask(before);
  struct stat about{};
  ASSERT_EQ(::stat(folder_.path("made").c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0700u);
  for (const char* name : {"made/capsem.db", "made/capsem.db-wal", "made/capsem.db-shm"}) {
    ASSERT_EQ(::stat(folder_.path(name).c_str(), &about), 0) << name;
    EXPECT_EQ(about.st_mode & 0777u, 0600u) << name;
  }
}

TEST_F(SqliteFaults, ADamagedFileIsSaid) {
  std::ofstream(target_.location) << std::string(8'192, 'x');
  const auto made = open(target_);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, "store_invalid");

  ASSERT_EQ(::unlink(target_.location.c_str()), 0);
  auto connection = with_table(target_);
  for (std::int64_t id = 1; id <= 40; ++id) EXPECT_DONE(add(*connection, id));
  connection.reset();  // everything is in the file now
  {
    std::fstream file(target_.location, std::ios::in | std::ios::out | std::ios::binary);
    for (int page = 1; page < 10; ++page) {
      file.seekp(4'096 * page);
      file << std::string(1'000, '\xEE');
    }
  }
  connection = opened(target_);
  ASSERT_NE(connection, nullptr);
  std::string code;
  auto read = connection->run("SELECT id, word FROM thing", {}, [](const Row&) {});
  EXPECT_EQ(code_of(read), "store_invalid");
  EXPECT_FALSE(connection->usable());
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Power loss: whatever of the log reached the disk is a prefix of it, cut anywhere.
TEST_F(SqliteFaults, ALogThatWasCutOffLosesOnlyWhatWasNotAcknowledged) {
  constexpr std::int64_t kRows = 40;
  std::vector<std::size_t> log_bytes;  // when row i + 1 was acknowledged
  const std::string log = target_.location + "-wal";
  const auto connection = with_table(target_);
  EXPECT_DONE(connection->run("PRAGMA wal_checkpoint(TRUNCATE)"));
  EXPECT_DONE(connection->run("PRAGMA wal_autocheckpoint=0"));
  for (std::int64_t id = 1; id <= kRows; ++id) {
    EXPECT_DONE(add(*connection, id));
    log_bytes.push_back(std::filesystem::file_size(log));
  }
  const std::string whole = bytes_of(log);
  const std::string base = bytes_of(target_.location);
  ASSERT_EQ(whole.size(), log_bytes.back());
  for (std::size_t cut = 0; cut <= whole.size() + 4'095; cut += 4'096) {
    for (const std::size_t size : {std::min(cut, whole.size()), std::min(cut + 24, whole.size())}) {
      SCOPED_TRACE(size);
      const Folder copy;
      const Target target{.location = copy.path("capsem.db")};
      std::ofstream(target.location, std::ios::binary) << base;
      std::ofstream(target.location + "-wal", std::ios::binary) << whole.substr(0, size);
      const auto after = opened(target);
      ASSERT_NE(after, nullptr);
      std::int64_t acknowledged = 0;
      while (acknowledged < kRows && log_bytes[static_cast<std::size_t>(acknowledged)] <= size) {
        ++acknowledged;
      }
      EXPECT_EQ(things(*after), acknowledged);
      EXPECT_EQ(count(*after, "SELECT coalesce(max(id), 0) FROM thing"), acknowledged);
      EXPECT_EQ(integrity(*after), "ok");
      EXPECT_DONE(add(*after, 1'000));
    }
  }
}

}  // namespace
}  // namespace capsem::sql
