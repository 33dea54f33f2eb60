// Every setting of the program, declared once: its name, its other spellings, its type, its range.
// TOML keys, environment variables, flags, help and --print-effective-config all come from here.
//
// One name has three spellings: server.port is `[server] port` in capsem.toml, CAPSEM_SERVER__PORT
// in the environment and --server.port on the command line; some have shorter ones besides.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "server/proxy/settings.h"

namespace capsem::app {

// A setting that is one word out of a list.
struct Choice {
  std::span<const std::string_view> words;
  std::size_t (*get)(const proxy::Settings&);
  void (*set)(proxy::Settings&, std::size_t);
};

// Where a setting's value lives in a Settings object; the alternative is its type.
using Slot = std::variant<bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, std::string*,
                          std::vector<std::string>*, proxy::BaseUrl*, proxy::Endpoint*, Choice>;

struct Setting {
  std::string_view name;  // "server.port"
  Slot (*slot)(proxy::Settings&);
  std::string_view help;
  std::uint64_t min = 0;  // of numbers
  std::uint64_t max = std::numeric_limits<std::uint64_t>::max();
  // Shorter or older spellings; empty: none.
  std::string_view flags = {};  // "--config-dir,--config"
  std::string_view env = {};    // "PROXY_PORT"
  bool in_file = true;          // false: cannot stand in capsem.toml
  bool secret = false;          // may hold a password: shown masked
};

std::span<const Setting> settings_table();
const Setting* find_setting(std::string_view name);

std::string env_name(const Setting& setting);  // "CAPSEM_SERVER__PORT"

// A value as its source wrote it: files know types, flags and the environment only text.
using RawValue = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

// Text becomes what the setting wants: a list is split at commas. Files go without this step, so
// that `port = "8000"` is a mistake there.
RawValue from_text(const Setting& setting, std::string_view text);

// Puts the value in its place. The error's detail says what the value must be, and never quotes a
// value that could hold a password.
Status assign(const Setting& setting, const RawValue& value, proxy::Settings& settings);

std::string to_text(const proxy::BaseUrl& url);        // as parse_base_url() reads it
std::string to_text(const proxy::Endpoint& endpoint);  // as parse_endpoint() reads it

// The value as TOML would write it.
std::string show(const Setting& setting, const proxy::Settings& settings);

}  // namespace capsem::app
