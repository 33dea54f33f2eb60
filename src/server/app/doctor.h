// The checks of `capsem doctor`: what would keep a gateway with these settings from working, or
// from working as promised. Each one looks and changes nothing; no key leaves the machine.
//
// Blocking, one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/proxy/settings.h"

namespace capsem::app {

enum class Grade : std::uint8_t { Ok, Warn, Fail };
std::string_view to_string(Grade grade);  // "ok", "warn", "FAIL"

struct Check {
  Grade grade = Grade::Ok;
  std::string what;    // "data directory"
  std::string why;     // what was found
  std::string todo{};  // what to do about it; empty: nothing
};
using Checks = std::vector<Check>;

struct DoctorOptions {
  bool providers = true;                  // false: nothing is connected to but the stores
  std::chrono::milliseconds time{5'000};  // of each connection
};

// Times are seconds since 1970.
void check_data_directory(const proxy::Settings& settings, Checks& checks);
void check_certificates(const proxy::Settings& settings, std::int64_t now_s, Checks& checks);
void check_secret_files(const proxy::Settings& settings, Checks& checks);
void check_descriptors(const proxy::Settings& settings, Checks& checks);
void check_ports(const proxy::Settings& settings, const DoctorOptions& options, Checks& checks);
void check_providers(const proxy::Settings& settings, const DoctorOptions& options, Checks& checks);
// Database, schema, whether it can be written, master keys against what is sealed, the audit.
void check_database(const proxy::Settings& settings, Checks& checks);
void check_redis(const proxy::Settings& settings, Checks& checks);

// "Sun, 06 Nov 1994 08:49:37 GMT" as seconds since 1970; nothing when it is no such date.
std::optional<std::int64_t> seconds_of_http_date(std::string_view text);
// What two clocks say of each other: past 5 s a warning.
Check clock_check(std::string_view whose, std::int64_t theirs_s, std::int64_t ours_s);

// One line per check: `FAIL  data directory  data: mode 0755 lets others read  chmod 700 data`.
std::string doctor_text(const Checks& checks);
std::string doctor_json(const Checks& checks);

}  // namespace capsem::app
