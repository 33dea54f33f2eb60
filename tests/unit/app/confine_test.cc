// Each case runs in a child of its own: what is given up cannot be had back.
#include "server/app/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

namespace capsem::app {
namespace {

using proxy::Confine;

constexpr int kNotConfined = 200;

// What becomes of a confined process that does this: "exit N" with what `act` returned, "signal N".
std::string fate(Confine how, const std::function<int()>& act) {
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit none{.rlim_cur = 0, .rlim_max = 0};
    ::setrlimit(RLIMIT_CORE, &none);
    if (!confine(how)) ::_exit(kNotConfined);
    ::_exit(act());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(child, &status, 0), child);
  if (WIFEXITED(status)) return "exit " + std::to_string(WEXITSTATUS(status));
  return "signal " + std::to_string(WTERMSIG(status));
}

// 0: it worked; else the errno.
int outcome(std::int64_t result) {
  return result >= 0 ? 0 : errno;
}
std::string errno_of(int error) {
  return "exit " + std::to_string(error);
}
const std::string kEnded = "signal " + std::to_string(SIGSYS);
const std::string kWorked = "exit 0";

int run_a_program() {
  char path[] = "/bin/true";
  char* arguments[] = {path, nullptr};
  char* environment[] = {nullptr};
  return outcome(::execve(path, arguments, environment));
}

struct Case {
  const char* name;
  std::function<int()> act;
  std::string refused, killed;  // its fate under Refuse and under Kill
};

const std::vector<Case>& cases() {
  static const std::vector<Case> all = {
      {"execve", run_a_program, kEnded, kEnded},
      {"ptrace", [] { return outcome(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }, kEnded,
       kEnded},
      {"fork", [] { return outcome(::syscall(SYS_fork)); }, kEnded, kEnded},
      {"a process by clone", [] { return outcome(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); },
       errno_of(ENOSYS), kEnded},
      {"unshare", [] { return outcome(::syscall(SYS_unshare, 0)); }, kEnded, kEnded},
      {"bpf", [] { return outcome(::syscall(SYS_bpf, 0, nullptr, 0)); }, kEnded, kEnded},
      {"io_uring", [] { return outcome(::syscall(SYS_io_uring_setup, 1, nullptr)); }, kEnded,
       kEnded},
      {"an unknown call", [] { return outcome(::syscall(4'000)); }, errno_of(ENOSYS), kEnded},
      {"a raw socket", [] { return outcome(::socket(AF_INET, SOCK_RAW, 1)); }, errno_of(ENOSYS),
       kEnded},
      {"a packet socket", [] { return outcome(::socket(AF_PACKET, SOCK_DGRAM, 0)); },
       errno_of(ENOSYS), kEnded},
      {"a netlink socket", [] { return outcome(::socket(AF_NETLINK, SOCK_RAW, 0)); },
       errno_of(EAFNOSUPPORT), errno_of(EAFNOSUPPORT)},
      {"a listener", [] { return outcome(::listen(::socket(AF_INET, SOCK_STREAM, 0), 1)); },
       errno_of(ENOSYS), kEnded},
      {"code that is written",
       [] {
         void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
         return page == MAP_FAILED ? errno : 0;
       },
       errno_of(ENOSYS), kEnded},
      {"a signal to another process", [] { return outcome(::kill(::getppid(), 0)); },
       errno_of(ENOSYS), kEnded},
      {"raising a limit",
       [] {
         const rlimit limit{.rlim_cur = 10, .rlim_max = 10};
         return outcome(::prlimit(0, RLIMIT_NOFILE, &limit, nullptr));
       },
       errno_of(ENOSYS), kEnded},
      // What must go on working.
      {"TCP", [] { return outcome(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)); }, kWorked,
       kWorked},
      {"TCP over IPv6",
       [] {
         const int error = outcome(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
         return error == EAFNOSUPPORT ? 0 : error;  // of the machine, not of the filter
       },
       kWorked, kWorked},
      {"a Unix socket", [] { return outcome(::socket(AF_UNIX, SOCK_STREAM, 0)); }, kWorked,
       kWorked},
      {"reading a limit",
       [] {
         rlimit limit{};
         return outcome(::getrlimit(RLIMIT_NOFILE, &limit));
       },
       kWorked, kWorked},
      {"a signal to itself", [] { return outcome(::kill(::getpid(), 0)); }, kWorked, kWorked},
      {"a library's code",
       [] {
         const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
         void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
         return page == MAP_FAILED ? errno : 0;
       },
       kWorked, kWorked},
  };
  return all;
}

TEST(Confine, RefusesOrKillsWhatIsNotNeeded) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(fate(Confine::Refuse, c.act), c.refused);
    EXPECT_EQ(fate(Confine::Kill, c.act), c.killed);
  }
}

TEST(Confine, OffRefusesNothing) {
  EXPECT_EQ(fate(Confine::Off, run_a_program), kWorked);
  EXPECT_EQ(fate(Confine::Off, [] { return outcome(::socket(AF_NETLINK, SOCK_RAW, 0)); }), kWorked);
}

TEST(Confine, GivesUpPrivilegesForGood) {
  EXPECT_EQ(fate(Confine::Refuse, [] { return ::prctl(PR_GET_DUMPABLE) == 0 ? 1 : 0; }), kWorked);
  const auto no_new_privileges = [] {
    std::FILE* status = std::fopen("/proc/self/status", "re");
    if (status == nullptr) return 1;
    int found = 0;
    for (char line[256]; std::fgets(line, sizeof line, status) != nullptr;) {
      const std::string text = line;
      if (text == "NoNewPrivs:\t1\n" || text == "Seccomp:\t2\n") ++found;
    }
    return found == 2 ? 0 : 2;
  };
  EXPECT_EQ(fate(Confine::Refuse, no_new_privileges), kWorked);
}

// Threads that began before are confined with the one that asks.
TEST(Confine, HoldsForEveryThread) {
  const pid_t child = ::fork();
  if (child == 0) {
    int ready[2], go[2];
    if (::pipe(ready) != 0 || ::pipe(go) != 0) ::_exit(1);
    std::thread other([&] {
      char byte = 0;
      if (::write(ready[1], "r", 1) != 1 || ::read(go[0], &byte, 1) != 1) ::_exit(2);
      ::_exit(outcome(::socket(AF_PACKET, SOCK_DGRAM, 0)));
    });
    char byte = 0;
    if (::read(ready[0], &byte, 1) != 1) ::_exit(3);
    if (!confine(Confine::Refuse)) ::_exit(kNotConfined);
    if (::write(go[1], "g", 1) != 1) ::_exit(4);
    other.join();
    ::_exit(5);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == ENOSYS) << status;
}

// T42: another process of the same user reads neither memory nor environment.
TEST(KeepToItself, LeavesNothingToRead) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!keep_to_itself()) ::_exit(1);
    rlimit cores{};
    if (::getrlimit(RLIMIT_CORE, &cores) != 0 || cores.rlim_max != 0) ::_exit(2);
    ::_exit(::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : 3);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace capsem::app
