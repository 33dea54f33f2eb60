#include "server/app/command_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "core/policy/toml_source.h"

namespace capsem::app {
namespace {

std::string suggested_flag(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  const auto extra =
      std::ranges::find_if(extras, [](const std::string& word) { return word.starts_with("--"); });
  if (extra == extras.end()) return {};
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  const std::vector<std::string_view> names(flags.begin(), flags.end());
  return policy::suggestion(extra->substr(0, extra->find('=')), names);
}

std::string short_names(const Setting& setting) {
  std::string names;
  if (!setting.flags.empty()) names = std::string(setting.flags) + ",";
  return names + "--" + std::string(setting.name);
}

std::string help_of(const Setting& setting, const proxy::Settings& defaults) {
  std::string text = fmt::format("{} [{}]", setting.help, show(setting, defaults));
  if (!setting.env.empty()) text += fmt::format(" (env {})", setting.env);
  return text;
}

}  // namespace

std::optional<int> parse_arguments(CLI::App& app, Arguments arguments) {
  // CLI11 takes them last one first.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
  } catch (const CLI::CallForHelp&) {
    std::fputs(app.help().c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "{}: {}{}\n", app.get_name(), error.what(), suggested_flag(app));
    return 2;
  }
  return std::nullopt;
}

int fail(const Error& error) {
  fmt::print(stderr, "capsem: {}\n", error.detail);
  return 1;
}

SettingFlags::SettingFlags(CLI::App& app) {
  proxy::Settings defaults;
  for (const Setting& setting : settings_table()) {
    Entry& entry = entries_.emplace_back(Entry{&setting, nullptr, {}});
    const std::string help = help_of(setting, defaults);
    if (std::holds_alternative<bool*>(setting.slot(defaults))) {
      // --access-log, --access-log=false and --no-access-log.
      std::string names = short_names(setting) + ",!--no-" + std::string(setting.name);
      if (!setting.flags.empty()) names += ",!--no-" + std::string(setting.flags.substr(2));
      entry.option = app.add_flag(names, entry.value, help);
    } else {
      entry.option = app.add_option(short_names(setting), entry.value, help)->type_name("");
    }
    entry.option->group(setting.flags.empty() ? "All other settings" : "Options");
    if (std::holds_alternative<std::vector<std::string>*>(setting.slot(defaults))) {
      entry.option->join(',');  // given twice, a list has both
    } else {
      entry.option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
    }
  }
}

std::vector<FlagValue> SettingFlags::values() const {
  std::vector<FlagValue> values;
  for (const Entry& entry : entries_) {
    if (entry.option->count() == 0) continue;
    std::string_view flag = entry.setting->flags;
    flag = flag.substr(0, flag.find(','));
    values.push_back({entry.setting,
                      flag.empty() ? "--" + std::string(entry.setting->name) : std::string(flag),
                      entry.value});
  }
  return values;
}

}  // namespace capsem::app
