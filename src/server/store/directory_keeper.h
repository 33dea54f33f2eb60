// Keeps what loops know of the database current: a thread with a connection of its own looks at two
// version numbers every poll_ms, and at once when it is poked; when one has changed, or a key has
// expired, it reads everything anew and hands it over.
//
// Order. Who may call is handed over first, so that a revocation waits for nothing. Keys with
// restrictions of their own appear only once the policies made of these are in force: no key is
// ever good for more than it was made for.
//
// While the database is down what was read last stays, and grows old (Directory::as_of_ns, promise
// 16); it is tried again with growing pauses, 100 ms to 2 s.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/sql/database.h"
#include "server/store/directory_reader.h"
#include "server/tenant/directory.h"

namespace capsem::store {

class DirectoryKeeper {
 public:
  // Called on the keeper's thread, one at a time; both return when every loop has what is new, or
  // with false when that could not be done.
  struct Hooks {
    std::function<bool(std::shared_ptr<const tenant::Directory>)> directory{};
    std::function<bool()> policies{};  // those of policies() are to be put in force
    // Each one once, when it appears; those that load() found, in start().
    std::function<void(const RowProblem&)> problem{};
  };
  using Done = std::function<void(bool)>;

  // `clock` outlives the keeper. Opens nothing yet.
  DirectoryKeeper(sql::Target target, std::uint32_t poll_ms, const Clock& clock);
  ~DirectoryKeeper();
  DirectoryKeeper(const DirectoryKeeper&) = delete;
  DirectoryKeeper& operator=(const DirectoryKeeper&) = delete;

  // Reads everything on the caller's thread, for the start; once, before start().
  Status load(std::shared_ptr<const vault::Vault> vault);
  // From here on the thread runs. REQUIRES: load() went well, and what it found is in force.
  void start(Hooks hooks);
  // Ends the thread; whoever waits hears false. start() cannot follow.
  void stop();

  // Has a look now. `done`, on the keeper's thread: all that the database said when this was called
  // is in force on all loops (true), or that is not known.
  void poke(Done done = {});
  // The keys to open secrets with from now on; null: sealed. Acts with the next poke, which has to
  // follow.
  void set_vault(std::shared_ptr<const vault::Vault> vault);

  // What was handed over last. Never null after load().
  std::shared_ptr<const tenant::Directory> directory() const;
  std::shared_ptr<const PolicyInputs> policies() const;
  bool healthy() const { return healthy_.load(); }  // the database answered the last look
  std::int64_t age_ms() const;  // since the database was last known to say what is in force
  std::uint64_t readings() const { return readings_.load(); }
  std::size_t problems() const;  // in what was read last

 private:
  struct Versions {
    std::int64_t directory = -1, policy = -1;
    friend bool operator==(const Versions&, const Versions&) = default;
  };

  void work();
  bool look(bool forced);
  Result<Versions> read_versions();
  bool take_over();
  Result<DirectoryReading> read();
  // Takes out keys whose restrictions are not in force; true when there were some.
  bool withhold(DirectoryReading& reading) const;
  bool hand_over(DirectoryReading reading, std::int64_t as_of_ns);
  void report(const std::vector<RowProblem>& problems);
  bool connect();
  void pause(std::unique_lock<std::mutex>& lock);

  const sql::Target target_;
  const std::uint32_t poll_ms_;
  const Clock& clock_;

  // Of the thread (of load() before).
  Hooks hooks_;
  std::unique_ptr<sql::Connection> connection_;
  Versions have_;
  std::int64_t next_expiry_ms_ = 0;
  std::set<std::string> ready_;         // restricted keys whose restrictions are in force
  std::int64_t policies_again_ns_ = 0;  // those read are not in force; 0: they are
  std::uint32_t back_off_ms_ = 0;
  std::vector<RowProblem> reported_;

  const std::shared_ptr<std::atomic<std::int64_t>> as_of_ns_ =
      std::make_shared<std::atomic<std::int64_t>>(0);
  std::atomic<bool> healthy_{false};
  std::atomic<std::uint64_t> readings_{0};

  mutable std::mutex lock_;  // guards what follows
  std::condition_variable asked_;
  std::vector<Done> waiting_;
  bool poked_ = false, ending_ = false, vault_changed_ = false;
  std::shared_ptr<const vault::Vault> vault_;
  std::shared_ptr<const tenant::Directory> directory_;
  std::shared_ptr<const PolicyInputs> policies_;
  std::size_t problems_ = 0;

  std::thread thread_;
};

}  // namespace capsem::store
