#include "server/app/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <span>
#include <string>
#include <type_traits>

namespace capsem::app {
namespace {

using proxy::Confine;

// Calls that nothing in the program or its libraries makes by accident.
constexpr const char* kWaysOut[] = {"execve",
                                    "execveat",
                                    "fork",
                                    "vfork",
                                    "ptrace",
                                    "process_vm_readv",
                                    "process_vm_writev",
                                    "process_madvise",
                                    "pidfd_open",
                                    "pidfd_getfd",
                                    "kcmp",
                                    "bpf",
                                    "perf_event_open",
                                    "userfaultfd",
                                    "io_uring_setup",
                                    "io_uring_enter",
                                    "io_uring_register",
                                    "add_key",
                                    "request_key",
                                    "keyctl",
                                    "mount",
                                    "umount2",
                                    "move_mount",
                                    "open_tree",
                                    "fsopen",
                                    "fsmount",
                                    "fsconfig",
                                    "mount_setattr",
                                    "pivot_root",
                                    "chroot",
                                    "unshare",
                                    "setns",
                                    "init_module",
                                    "finit_module",
                                    "delete_module",
                                    "kexec_load",
                                    "kexec_file_load",
                                    "reboot",
                                    "swapon",
                                    "swapoff",
                                    "acct",
                                    "quotactl",
                                    "iopl",
                                    "ioperm",
                                    "modify_ldt",
                                    "personality",
                                    "setuid",
                                    "setgid",
                                    "setreuid",
                                    "setregid",
                                    "setresuid",
                                    "setresgid",
                                    "setgroups",
                                    "setfsuid",
                                    "setfsgid",
                                    "capset",
                                    "setrlimit",
                                    "mknod",
                                    "mknodat",
                                    "open_by_handle_at",
                                    "settimeofday",
                                    "clock_settime",
                                    "clock_adjtime",
                                    "adjtimex",
                                    "sethostname",
                                    "setdomainname",
                                    "syslog",
                                    "vhangup"};

// What loops, stores (SQLite, libpq, hiredis), TLS, name resolution, the watcher of policy files,
// the allocator and the threads of all these need.
constexpr const char* kNeeded[] = {
    // files
    "read", "pread64", "preadv", "preadv2", "readv", "write", "pwrite64", "pwritev", "pwritev2",
    "writev", "open", "openat", "close", "close_range", "stat", "fstat", "lstat", "newfstatat",
    "statx", "statfs", "fstatfs", "lseek", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "getcwd", "dup", "dup2", "dup3", "fcntl", "flock", "fsync",
    "fdatasync", "sync_file_range", "ftruncate", "fallocate", "fadvise64", "copy_file_range",
    "sendfile", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir",
    "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "fchown", "utimensat", "umask",
    // memory
    "munmap", "mremap", "madvise", "brk", "mlock", "mlock2", "munlock", "msync", "mincore",
    "membarrier",
    // threads, signals, time, the process itself
    "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "gettid", "getpid", "getppid",
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getpgrp",
    "getrlimit", "getrusage", "times", "sysinfo", "uname", "getcpu", "exit", "exit_group", "futex",
    "sched_yield", "sched_getaffinity", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
    "rt_sigtimedwait", "rt_sigsuspend", "rt_sigpending", "sigaltstack", "restart_syscall", "pause",
    "nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time",
    "getrandom", "getitimer", "setitimer", "alarm",
    // waiting
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll",
    "select", "pselect6", "eventfd2", "pipe", "pipe2", "timerfd_create", "timerfd_settime",
    "timerfd_gettime", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    // network; no listen: what listens does so before
    "bind", "accept", "accept4", "connect", "getsockname", "getpeername", "setsockopt",
    "getsockopt", "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown"};

constexpr unsigned kSocketTypeBits = 0xf;

std::unexpected<Error> not_confined(const std::string& what, int error) {
  return gateway_error("not_confined", "the gateway's system calls cannot be confined: " + what +
                                           ": " + ::strerror(error) +
                                           R"(; [server] confine = "off" goes without)");
}

// A filter that is built rule by rule and remembers the first rule that could not be added.
class Filter {
 public:
  explicit Filter(std::uint32_t default_action)
      : default_(default_action), context_(::seccomp_init(default_action)) {}

  // A call that this machine's kernel headers do not know cannot be made either.
  void add(std::uint32_t action, const char* name, std::span<const scmp_arg_cmp> arguments = {}) {
    const int number = ::seccomp_syscall_resolve_name(name);
    if (action == default_ || number == __NR_SCMP_ERROR || number < 0 || !failed_.empty()) return;
    const int result = ::seccomp_rule_add_array(
        context_.get(), action, number, static_cast<unsigned>(arguments.size()), arguments.data());
    if (result == 0) return;
    failed_ = name;
    error_ = -result;
  }
  void allow(const char* name) { add(SCMP_ACT_ALLOW, name); }
  void allow(const char* name, scmp_arg_cmp argument) {
    add(SCMP_ACT_ALLOW, name, std::span(&argument, 1));
  }

  Status load() {
    if (context_ == nullptr) return not_confined("seccomp_init", ENOMEM);
    if (!failed_.empty()) return not_confined(failed_, error_);
    ::seccomp_attr_set(context_.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_NNP, 1);
    ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_TSYNC, 1);     // all threads, or none
    ::seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2);  // a binary tree, not a list
    const int result = ::seccomp_load(context_.get());
    if (result != 0) return not_confined("seccomp_load", -result);
    return {};
  }

 private:
  struct Release {
    void operator()(void* context) const { ::seccomp_release(context); }
  };
  std::uint32_t default_;
  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, Release> context_;
  std::string failed_;
  int error_ = 0;
};

scmp_arg_cmp equals(unsigned argument, std::uint64_t value) {
  return {argument, SCMP_CMP_EQ, value, 0};
}
scmp_arg_cmp masked(unsigned argument, std::uint64_t mask, std::uint64_t value) {
  return {argument, SCMP_CMP_MASKED_EQ, mask, value};
}

void add_memory_rules(Filter& filter) {
  filter.allow("mmap", masked(2, PROT_EXEC, 0));
  filter.allow("mmap", masked(2, PROT_WRITE, 0));  // a library's code, read from its file
  filter.allow("mprotect", masked(2, PROT_EXEC, 0));
}

void add_process_rules(Filter& filter) {
  const auto own = static_cast<std::uint64_t>(::getpid());
  filter.allow("clone", masked(0, CLONE_THREAD, CLONE_THREAD));
  filter.add(SCMP_ACT_ERRNO(ENOSYS), "clone3");  // glibc then takes clone, whose flags can be seen
  filter.allow("kill", equals(0, own));
  filter.allow("tgkill", equals(0, own));
  filter.allow("prlimit64", equals(2, 0));  // reading only
  filter.allow("sched_setaffinity", equals(0, 0));
  constexpr std::uint64_t kNameMemory = 0x53564d41;  // PR_SET_VMA
  for (const std::uint64_t option : {std::uint64_t{PR_SET_NAME}, std::uint64_t{PR_GET_NAME},
                                     std::uint64_t{PR_GET_DUMPABLE}, kNameMemory}) {
    filter.allow("prctl", equals(0, option));
  }
  for (const std::uint64_t request : {FIONBIO, FIONREAD, TCGETS, TIOCGWINSZ}) {
    filter.allow("ioctl", equals(1, request));
  }
}

void add_socket_rules(Filter& filter) {
  for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM}) {
      const scmp_arg_cmp both[] = {equals(0, static_cast<std::uint64_t>(family)),
                                   masked(1, kSocketTypeBits, static_cast<std::uint64_t>(type))};
      filter.add(SCMP_ACT_ALLOW, "socket", both);
    }
  }
  filter.allow("socketpair", equals(0, AF_UNIX));
  // getaddrinfo asks for this machine's addresses that way, and does without.
  const scmp_arg_cmp netlink[] = {equals(0, AF_NETLINK)};
  filter.add(SCMP_ACT_ERRNO(EAFNOSUPPORT), "socket", netlink);
}

}  // namespace

Status keep_to_itself() {
  constexpr rlimit kNone{.rlim_cur = 0, .rlim_max = 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return not_confined("RLIMIT_CORE", errno);
  if (::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return not_confined("PR_SET_DUMPABLE", errno);
  return {};
}

void forget_variables(std::span<const std::string> names) {
  for (const std::string& name : names) {
    char* value = ::getenv(name.c_str());
    if (value == nullptr) continue;
    ::explicit_bzero(value, ::strlen(value));
    ::unsetenv(name.c_str());
  }
}

bool confinement_suits_build() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#elif defined(__has_feature)
  return !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
  return true;
#endif
}

Status confine(Confine how) {
  if (how == Confine::Off) return {};
  Filter filter(how == Confine::Kill ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
  for (const char* call : kWaysOut) filter.add(SCMP_ACT_KILL_PROCESS, call);
  for (const char* call : kNeeded) filter.allow(call);
  add_memory_rules(filter);
  add_process_rules(filter);
  add_socket_rules(filter);
  return filter.load();
}

}  // namespace capsem::app
