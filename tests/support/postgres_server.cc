#include "tests/support/postgres_server.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <thread>
#include <vector>

namespace capsem::test {
namespace {

const std::string kPrograms = "/usr/lib/postgresql/15/bin/";

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// The process; its output goes to `log`. PostgreSQL refuses to run as root.
int spawn(const std::vector<std::string>& words, const std::string& log) {
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const passwd* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
  const int child = ::fork();
  if (child != 0) return child;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(out, 1);
  ::dup2(out, 2);
  for (int other = 3; other < 256; ++other) ::close(other);
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                          ::setuid(user->pw_uid) != 0)) {
    ::_exit(126);
  }
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);  // a test program that crashes leaves no server behind
  if (::chdir("/") == 0) ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

bool succeeds(const std::vector<std::string>& words, const std::string& log) {
  int status = 0;
  return ::waitpid(spawn(words, log), &status, 0) > 0 && status == 0;
}

std::string& missing() {
  static std::string text;
  return text;
}

}  // namespace

PostgresServer* PostgresServer::shared() {
  static const std::unique_ptr<PostgresServer> server = [] {
    std::unique_ptr<PostgresServer> made(new PostgresServer);
    if (!made->prepare()) made.reset();
    return made;
  }();
  return server.get();
}

std::string PostgresServer::why_not() {
  return missing();
}

bool PostgresServer::left_out() {
  const char* said = std::getenv("CAPSEM_TEST_WITHOUT_POSTGRES");
  return said != nullptr && std::string(said) == "1";
}

bool PostgresServer::prepare() {
  if (::access((kPrograms + "initdb").c_str(), X_OK) != 0) {
    missing() = kPrograms + "initdb is missing: install postgresql-15";
    return false;
  }
  std::string folder = "/tmp/capsem-postgres-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("mkdtemp");
  folder_ = folder;
  if (::geteuid() == 0) {
    const passwd* user = ::getpwnam("postgres");
    if (user == nullptr || ::chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      missing() = "there is no user postgres";
      return false;
    }
  }
  if (!succeeds({kPrograms + "initdb", "-D", folder_ + "/data", "-U", "capsem", "-A", "trust", "-E",
                 "UTF8", "--locale=C", "--no-sync"},
                folder_ + ".log")) {
    missing() = "initdb failed: " + text_of(folder_ + ".log");
    return false;
  }
  start();
  return true;
}

void PostgresServer::start() {
  postmaster_ =
      spawn({kPrograms + "postgres", "-D", folder_ + "/data", "-k", folder_, "-c",
             "listen_addresses=", "-c", "max_connections=60", "-c", "shared_buffers=16MB"},
            folder_ + ".log");
  if (!wait_until_ready()) throw std::runtime_error("postgres: " + text_of(folder_ + ".log"));
}

// The server's own pid file ends with its state.
bool PostgresServer::wait_until_ready() const {
  for (int tries = 0; tries < 600; ++tries) {
    const std::string state = text_of(folder_ + "/data/postmaster.pid");
    if (state.starts_with(std::to_string(postmaster_) + "\n") &&
        state.find("\nready") != std::string::npos) {
      return true;
    }
    if (::waitpid(postmaster_, nullptr, WNOHANG) != 0) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

// Each of its processes has a session of its own, so there is no group to signal. The postmaster
// first: a stopped one starts no other.
void PostgresServer::signal_all(int signal) const {
  if (postmaster_ == 0) return;
  ::kill(postmaster_, signal);
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string stat = text_of(entry.path() / "stat");
    const std::size_t after = stat.rfind(") ");
    if (after == std::string::npos) continue;
    std::istringstream rest(stat.substr(after + 2));
    char state = 0;
    int parent = 0;
    if (rest >> state >> parent && parent == postmaster_) ::kill(std::stoi(name), signal);
  }
}

void PostgresServer::pause() {
  signal_all(SIGSTOP);
  paused_ = true;
}
void PostgresServer::resume() {
  signal_all(SIGCONT);
  paused_ = false;
}
void PostgresServer::heal() {
  if (paused_) resume();
  if (postmaster_ == 0) start();
}

void PostgresServer::kill() {
  signal_all(SIGKILL);
  ::waitpid(postmaster_, nullptr, 0);
  postmaster_ = 0;
  paused_ = false;
}

std::string PostgresServer::new_database() {
  const std::string name = "test" + std::to_string(++databases_);
  if (!succeeds({kPrograms + "createdb", "-h", folder_, "-U", "capsem", name}, folder_ + ".log")) {
    throw std::runtime_error("createdb: " + text_of(folder_ + ".log"));
  }
  return "host=" + folder_ + " user=capsem dbname=" + name;
}

void PostgresServer::end_sessions() {
  succeeds({kPrograms + "psql", "-h", folder_, "-U", "capsem", "-d", "postgres", "-c",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'test%'"},
           folder_ + ".log");
}

PostgresServer::~PostgresServer() {
  if (postmaster_ != 0) {
    resume();
    ::kill(postmaster_, SIGQUIT);
    ::waitpid(postmaster_, nullptr, 0);
  }
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  std::filesystem::remove(folder_ + ".log", ignored);
}

}  // namespace capsem::test
