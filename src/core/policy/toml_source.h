// A TOML file together with its name, so that everything said about it can say where: messages are
// "file:line:col: what is wrong". Shared by the policy loader and the server's configuration.
#pragma once

#include <toml++/toml.h>

#include <span>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace capsem::policy {

class TomlSource {
 public:
  // An error (code "invalid_config") names the place of the first mistake in the file.
  static Result<TomlSource> parse(std::string name, std::string_view text);

  const std::string& name() const { return name_; }
  const toml::table& root() const { return root_; }

  std::string message_at(const toml::source_region& where, std::string_view what) const;
  std::unexpected<Error> error_at(const toml::source_region& where, std::string_view what) const;

 private:
  std::string name_;
  toml::table root_;
};

// The name that `word` was probably meant to be, or empty when none is near (letter case and one or
// two slips of the finger aside, more in a long word).
std::string_view nearest_name(std::string_view word, std::span<const std::string_view> names);

// " (did you mean 'x'?)", or nothing.
std::string suggestion(std::string_view word, std::span<const std::string_view> names);

}  // namespace capsem::policy
