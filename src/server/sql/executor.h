// One thread with one connection, for everything that talks to the database and is not the audit's
// writer: admin requests, reviews, look-ups. Opens its connection when it is needed and again, with
// growing pauses (100 ms to 2 s), after it broke.
//
// Thread-safe: submit() may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "server/sql/database.h"

namespace capsem::sql {

class Executor {
 public:
  // Called on the executor's thread, once: with a connection that is usable and in no transaction,
  // or with the error that there is none, or with code "store_gone" when the executor ends first.
  using Task = std::function<void(Result<Connection*>)>;

  explicit Executor(Target target, std::size_t tasks_max = 4'096);
  ~Executor();  // runs what is queued with an error

  // False, and `task` not called, when too many wait.
  bool submit(Task task);
  // The database answered the latest task, or the latest attempt to open it.
  bool healthy() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace capsem::sql
