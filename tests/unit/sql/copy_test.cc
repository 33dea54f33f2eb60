// Backups: one moment, checked, whole or not there.
#include "server/sql/copy.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <set>
#include <thread>

#include "server/sql/schema.h"
#include "tests/unit/sql/databases.h"

namespace capsem::sql {
namespace {

using testing::HasSubstr;

class Copies : public testing::Test {
 protected:
  Copies() {
    target_.location = folder_.path("capsem.db");
    connection_ = opened(target_);
    EXPECT_DONE(migrate(*connection_));
    add("one");
  }
  void add(std::string_view name) {
    EXPECT_DONE(connection_->run("INSERT INTO meta (name, value) VALUES ($1, 'x')", {name}));
  }
  static bool has(const std::string& file, std::string_view name) {
    bool found = false;
    EXPECT_DONE(
        opened({.location = file})
            ->run("SELECT 1 FROM meta WHERE name = $1", {name}, [&](const Row&) { found = true; }));
    return found;
  }
  std::set<std::string> files() const {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path())) {
      names.insert(entry.path().filename());
    }
    return names;
  }

  Folder folder_;
  Target target_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(Copies, AreWholeFilesOfTheirOwnersAlone) {
  const std::string to = folder_.path("copy.db");
  const auto copied = copy_database(target_.location, to, Existing::Refuse);
  ASSERT_TRUE(copied) << copied.error().detail;
  EXPECT_EQ(copied->schema_version, schema_version());
  struct stat about{};
  ASSERT_EQ(::stat(to.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777u, 0600u);
  EXPECT_EQ(copied->bytes, static_cast<std::uint64_t>(about.st_size));
  EXPECT_EQ(files(),
            (std::set<std::string>{"capsem.db", "capsem.db-wal", "capsem.db-shm", "copy.db"}));
  EXPECT_TRUE(has(to, "one"));
  add("two");
  EXPECT_FALSE(has(to, "two"));
}

TEST_F(Copies, AreOfOneMomentWhileOthersWrite) {
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    const auto own = opened(target_);
    for (std::int64_t i = 1; !stop; ++i) {
      // Two rows that are always alike.
      EXPECT_DONE(in_transaction(*own, [&]() -> Status {
        const std::string value = std::to_string(i);
        for (const std::string_view name : {"left", "right"}) {
          EXPECT_DONE(
              own->run("INSERT INTO meta (name, value) VALUES ($1, $2)"
                       " ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                       {name, std::string_view(value)}));
        }
        return {};
      }));
    }
  });
  for (int i = 0; i < 20; ++i) {
    const std::string to = folder_.path("copy" + std::to_string(i));
    const auto copied = copy_database(target_.location, to, Existing::Refuse);
    EXPECT_DONE(copied);
    EXPECT_EQ(count(*opened({.location = to}),
                    "SELECT count(DISTINCT value) FROM meta WHERE name IN ('left', 'right')") > 1,
              false);
  }
  stop = true;
  writer.join();
}

TEST_F(Copies, ReplaceOnlyWhatTheyAreTold) {
  const std::string to = folder_.path("copy.db");
  std::ofstream(to) << "mine";
  EXPECT_EQ(code_of(copy_database(target_.location, to, Existing::Refuse)), "file_exists");
  std::string kept;
  std::ifstream(to) >> kept;
  EXPECT_EQ(kept, "mine");
  EXPECT_DONE(copy_database(target_.location, to, Existing::Replace));
  EXPECT_TRUE(has(to, "one"));
}

TEST_F(Copies, DoNotReplaceADatabaseThatIsOpen) {
  const std::string other = folder_.path("other.db");
  EXPECT_DONE(copy_database(target_.location, other, Existing::Refuse));
  // By another process, because a process does not see its own locks.
  const int child = ::fork();
  if (child == 0) {
    const auto copied = copy_database(other, target_.location, Existing::Replace);
    ::_exit(!copied && copied.error().code == "store_in_use" ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_DONE(connection_->run("SELECT 1"));
}

TEST_F(Copies, AnOldLogIsNotTakenForTheNewFiles) {
  const std::string copy = folder_.path("copy.db");
  EXPECT_DONE(copy_database(target_.location, copy, Existing::Refuse));
  add("two");
  // What a crash leaves: the log, with what came after the copy.
  const Folder crashed;
  for (const char* name : {"capsem.db", "capsem.db-wal"}) {
    std::filesystem::copy_file(folder_.path(name), crashed.path(name));
  }
  const std::string to = crashed.path("capsem.db");
  EXPECT_DONE(copy_database(copy, to, Existing::Replace));
  EXPECT_FALSE(std::filesystem::exists(to + "-wal"));
  EXPECT_TRUE(has(to, "one"));
  EXPECT_FALSE(has(to, "two"));
}

TEST_F(Copies, OfWhatIsNoSoundDatabaseAreRefusedAndLeaveNothing) {
  const std::string from = folder_.path("from");
  const std::string to = folder_.path("to");
  const auto refused = [&](const char* why) {
    const auto copied = copy_database(from, to, Existing::Refuse);
    ASSERT_FALSE(copied) << why;
    EXPECT_EQ(copied.error().code, "store_invalid") << why << ": " << copied.error().detail;
    EXPECT_THAT(copied.error().detail, HasSubstr(from));
    for (const std::string& name : files()) EXPECT_FALSE(name.starts_with("to")) << why << name;
  };
  std::ofstream(from) << std::string(8'192, 'x');
  refused("no database");

  std::filesystem::remove(from);
  EXPECT_DONE(opened({.location = from})->run("CREATE TABLE another (id BIGINT)"));
  refused("another program's");

  std::filesystem::remove(from);
  EXPECT_DONE(copy_database(target_.location, from, Existing::Refuse));
  EXPECT_DONE(opened({.location = from})
                  ->run("UPDATE meta SET value = '999'"
                        " WHERE name = 'schema_version'"));
  refused("newer than this program");

  std::filesystem::remove(from);
  EXPECT_DONE(in_transaction(*connection_, [&]() -> Status {
    for (int i = 0; i < 2'000; ++i) add("row " + std::to_string(i));
    return {};
  }));
  EXPECT_DONE(copy_database(target_.location, from, Existing::Refuse));
  {
    std::fstream file(from, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-3 * 4'096, std::ios::end);
    file << std::string(2 * 4'096, '\xEE');
  }
  refused("damaged");

  std::filesystem::remove(from);
  EXPECT_EQ(code_of(copy_database(from, to, Existing::Refuse)), "store_io") << "nothing there";
}

TEST_F(Copies, IntoAFolderThatIsNotThereAreSaid) {
  EXPECT_EQ(code_of(copy_database(target_.location, folder_.path("no/copy"), Existing::Refuse)),
            "store_io");
}

}  // namespace
}  // namespace capsem::sql
