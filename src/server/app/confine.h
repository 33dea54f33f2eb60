// What a running gateway gives up: core dumps, being read by its neighbours, other programs, and
// every system call it does not need (reliability.md 3.11, promise 22, T42).
#pragma once

#include <span>
#include <string>

#include "core/base/error.h"
#include "server/proxy/settings.h"

namespace capsem::app {

// No core dump, and no other process of the same user may read memory or environment of this one.
// To be called before the first secret is read. The whole process; cannot be taken back by itself.
Status keep_to_itself();

// Overwrites the values of variables that may hold a password where /proc/PID/environ shows them,
// and removes them (T42). `names`: of the environment. Before threads are started.
void forget_variables(std::span<const std::string> names);

// Is this a build whose run-time library needs more system calls than the gateway (a sanitizer)?
bool confinement_suits_build();

// For all threads of the process, for good, once listeners are open: no new privileges, no other
// program, no new process, no further listener, no memory both writable and executable, sockets of
// the families IPv4, IPv6 and Unix only. `how` says what a forbidden call meets; the calls that are
// only ever made to leave a process (execve, ptrace, mount, bpf, ...) end it unless `how` is Off,
// which does nothing. An error (code "not_confined") leaves the process as it was but for
// no_new_privs.
Status confine(proxy::Confine how);

}  // namespace capsem::app
