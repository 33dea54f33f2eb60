#include "server/app/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/policy/toml_source.h"

namespace capsem::app {
namespace {

using policy::TomlSource;

std::vector<std::string_view> setting_names() {
  std::vector<std::string_view> names;
  for (const Setting& setting : settings_table()) names.push_back(setting.name);
  return names;
}

// The names of one section, without the section: what a mistyped key in it was meant to be.
std::vector<std::string_view> names_in(std::string_view section) {
  std::vector<std::string_view> names;
  for (std::string_view name : setting_names()) {
    if (!name.starts_with(section) || name.size() <= section.size()) continue;
    if (name[section.size()] == '.') names.push_back(name.substr(section.size() + 1));
  }
  return names;
}

std::vector<std::string_view> section_names() {
  std::vector<std::string_view> names;
  for (const std::string_view name : setting_names()) {
    const std::string_view section = name.substr(0, name.find('.'));
    if (names.empty() || names.back() != section) names.push_back(section);
  }
  return names;
}

class Builder {
 public:
  Builder() { result_.origins.assign(settings_table().size(), "default"); }

  Status read_file(const ConfigFile& file) {
    auto source = TomlSource::parse(file.name, file.text);
    if (!source) return std::unexpected(source.error());
    for (const auto& [section, node] : source->root()) {
      if (names_in(section.str()).empty()) {
        return source->error_at(section.source(),
                                fmt::format("unknown section '{}'{}", section.str(),
                                            policy::suggestion(section.str(), section_names())));
      }
      const toml::table* table = node.as_table();
      if (table == nullptr) {
        return source->error_at(node.source(), fmt::format("'{}' must be a table", section.str()));
      }
      for (const auto& [key, value] : *table) {
        if (auto ok = read_key(*source, section.str(), key, value); !ok) return ok;
      }
    }
    return {};
  }

  Status read_environment(const std::vector<std::pair<std::string, std::string>>& environment) {
    if (auto ok = refuse_unknown(environment); !ok) return ok;
    // Short and older spellings first, so that canonical ones act over them.
    for (const bool canonical : {false, true}) {
      for (const Setting& setting : settings_table()) {
        const std::string name = canonical ? env_name(setting) : std::string(setting.env);
        const auto entry = std::ranges::find(environment, name,
                                             [](const auto& variable) { return variable.first; });
        if (name.empty() || entry == environment.end()) continue;
        if (auto ok = take_text(setting, entry->second, "env " + name); !ok) return ok;
      }
    }
    return {};
  }

  Status read_flags(const std::vector<FlagValue>& flags) {
    for (const FlagValue& flag : flags) {
      if (auto ok = take_text(*flag.setting, flag.value, "flag " + flag.flag); !ok) return ok;
    }
    return {};
  }

  // What no single setting's range can say.
  Status check_together() const {
    const proxy::Settings& s = result_.settings;
    if (s.tls_cert.empty() != s.tls_key.empty()) {
      return wrong("server.tls_cert and server.tls_key must both be set, or neither");
    }
    if (s.upstream.watermark_low > s.upstream.watermark_high) {
      return wrong("upstream.watermark_low must not be above upstream.watermark_high");
    }
    if (s.http.header_field_bytes_max > s.http.header_bytes_max) {
      return wrong("http.header_field_bytes_max must not be above http.header_bytes_max");
    }
    if (s.admin_port != 0 && s.admin_port == s.port && s.admin_host == s.host) {
      return wrong("server.admin_port must differ from server.port on the same address");
    }
    return {};
  }

  Configuration take() { return std::move(result_); }

 private:
  static std::unexpected<Error> wrong(std::string detail) {
    return gateway_error("invalid_config", std::move(detail));
  }

  Status read_key(const TomlSource& file, std::string_view section, const toml::key& key,
                  const toml::node& node) {
    const Setting* setting = find_setting(fmt::format("{}.{}", section, key.str()));
    if (setting == nullptr) {
      return file.error_at(key.source(),
                           fmt::format("unknown key '{}.{}'{}", section, key.str(),
                                       policy::suggestion(key.str(), names_in(section))));
    }
    if (!setting->in_file) {
      return file.error_at(
          key.source(),
          fmt::format("'{}' cannot stand in this file: it says where the file is", setting->name));
    }
    const auto value = raw_value(file, *setting, node);
    if (!value) return std::unexpected(value.error());
    if (auto ok = assign(*setting, *value, result_.settings); !ok) {
      return file.error_at(node.source(), fmt::format("{} {}", setting->name, ok.error().detail));
    }
    const auto at = node.source().begin;
    set_origin(*setting, fmt::format("{}:{}:{}", file.name(), at.line, at.column));
    return {};
  }

  static Result<RawValue> raw_value(const TomlSource& file, const Setting& setting,
                                    const toml::node& node) {
    if (const auto* flag = node.as_boolean()) return RawValue(flag->get());
    if (const auto* number = node.as_integer()) return RawValue(number->get());
    if (const auto* text = node.as_string()) return RawValue(text->get());
    if (const auto* list = node.as_array()) {
      std::vector<std::string> words;
      for (const toml::node& item : *list) {
        const auto* word = item.as_string();
        if (word == nullptr) {
          return file.error_at(item.source(),
                               fmt::format("{} must be a list of strings", setting.name));
        }
        words.push_back(word->get());
      }
      return RawValue(std::move(words));
    }
    return file.error_at(node.source(),
                         fmt::format("{} has a value of a kind that no setting has", setting.name));
  }

  // A mistyped variable would otherwise be a setting that silently does not act.
  Status refuse_unknown(const std::vector<std::pair<std::string, std::string>>& environment) {
    std::vector<std::string> known;
    for (const Setting& setting : settings_table()) {
      known.push_back(env_name(setting));
      if (!setting.env.empty()) known.emplace_back(setting.env);
    }
    const std::vector<std::string_view> names(known.begin(), known.end());
    for (const auto& [name, value] : environment) {
      if (!name.starts_with("CAPSEM_") || std::ranges::find(names, name) != names.end()) continue;
      if (name.find("__") != std::string::npos) {
        return wrong(fmt::format("environment: unknown variable {}{}", name,
                                 policy::suggestion(name, names)));
      }
      const std::string_view near = nearest_short(name, names);
      if (!near.empty()) {
        result_.warnings.push_back(
            fmt::format("environment: {} is not known (did you mean '{}'?)", name, near));
      }
    }
    return {};
  }

  // Variables without "__" may belong to others; only near misses are worth a word.
  static std::string_view nearest_short(std::string_view name,
                                        const std::vector<std::string_view>& names) {
    std::vector<std::string_view> short_names;
    for (const auto known : names) {
      if (known.find("__") == std::string_view::npos) short_names.push_back(known);
    }
    const std::string_view near = policy::nearest_name(name, short_names);
    const auto longer = std::max(near.size(), name.size()),
               shorter = std::min(near.size(), name.size());
    return longer - shorter <= 3 ? near : std::string_view();
  }

  Status take_text(const Setting& setting, std::string_view text, std::string origin) {
    if (auto ok = assign(setting, from_text(setting, text), result_.settings); !ok) {
      return wrong(fmt::format("{}: {} {}", origin, setting.name, ok.error().detail));
    }
    set_origin(setting, std::move(origin));
    return {};
  }

  void set_origin(const Setting& setting, std::string origin) {
    result_.origins[static_cast<std::size_t>(&setting - settings_table().data())] =
        std::move(origin);
  }

  Configuration result_;
};

}  // namespace

Result<Configuration> configure(const ConfigSources& sources) {
  Builder builder;
  if (sources.file) {
    if (auto ok = builder.read_file(*sources.file); !ok) return std::unexpected(ok.error());
  }
  if (auto ok = builder.read_environment(sources.environment); !ok) {
    return std::unexpected(ok.error());
  }
  if (auto ok = builder.read_flags(sources.flags); !ok) return std::unexpected(ok.error());
  if (auto ok = builder.check_together(); !ok) return std::unexpected(ok.error());
  return builder.take();
}

std::string print_effective(const Configuration& configuration) {
  std::string text;
  const auto table = settings_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    text += fmt::format("{} = {}  # {}\n", table[i].name, show(table[i], configuration.settings),
                        configuration.origins[i]);
  }
  return text;
}

}  // namespace capsem::app
