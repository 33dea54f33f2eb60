// A real PostgreSQL for tests: Debian's server, started on a socket in a folder of its own, as user
// postgres when the tests run as root. One per test program, started when it is first asked for and
// stopped with the program.
#pragma once

#include <string>

namespace capsem::test {

class PostgresServer {
 public:
  // Null without an installed server; `why_not()` then says what is missing.
  static PostgresServer* shared();
  static std::string why_not();
  // CAPSEM_TEST_WITHOUT_POSTGRES=1: whoever runs the tests knows that there is no server.
  static bool left_out();

  // A new, empty database: its libpq connection string.
  std::string new_database();

  void pause();   // SIGSTOP: connections stay, and nothing answers
  void resume();  // SIGCONT
  void kill();    // SIGKILL, all of it
  void start();   // after kill()
  void heal();    // running again, whatever was done to it
  // Ends all sessions, as an administrator or a fail-over does.
  void end_sessions();

  ~PostgresServer();
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

 private:
  PostgresServer() = default;
  bool prepare();
  bool wait_until_ready() const;
  void signal_all(int signal) const;

  std::string folder_;
  int postmaster_ = 0;
  bool paused_ = false;
  int databases_ = 0;
};

}  // namespace capsem::test
