// What all subcommands do with their arguments.
#pragma once

#include <CLI/CLI.hpp>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "server/app/config.h"
#include "server/app/subcommand.h"

namespace capsem::app {

// Parses, or says the exit status with which the program should end: 0 after --help, 2 after a
// mistake, which is printed with the nearest known flag.
std::optional<int> parse_arguments(CLI::App& app, Arguments arguments);

// Prints "capsem: ..." to standard error and returns 1.
int fail(const Error& error);

// Every setting of the table as flags of `app`. Lives until the parse is done.
class SettingFlags {
 public:
  explicit SettingFlags(CLI::App& app);
  // After the parse: what was given, in the table's order.
  std::vector<FlagValue> values() const;

 private:
  struct Entry {
    const Setting* setting;
    CLI::Option* option;
    std::string value;
  };
  std::deque<Entry> entries_;  // CLI11 keeps pointers into it
};

}  // namespace capsem::app
