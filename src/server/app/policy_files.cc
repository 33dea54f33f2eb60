#include "server/app/policy_files.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "server/app/config.h"
#include "server/app/disk.h"

namespace capsem::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPolicyBytesMax = 4u << 20;
constexpr std::size_t kTextBytesMax = 64u << 20;

Result<std::vector<policy::SourceFile>> read_directory(const std::string& path) {
  auto directory = read_config_directory(path);
  if (!directory) return std::unexpected(directory.error());
  if (const auto file = config_file_of(*directory)) {
    const auto settings = configure({.flags = {}, .environment = {}, .file = file});
    if (!settings) return std::unexpected(settings.error());
    directory = read_policy_files(path, settings->settings.policy_files);
    if (!directory) return std::unexpected(directory.error());
  }
  if (directory->files.empty()) {
    return gateway_error("no_policies", fmt::format("{}: holds no policy files", path));
  }
  return std::move(directory->files);
}

}  // namespace

std::vector<std::string> PolicyOptions::paths() const {
  std::vector<std::string> all = files;
  all.insert(all.end(), named.begin(), named.end());
  if (all.empty()) all.emplace_back("config");
  return all;
}

void add_policy_options(CLI::App& app, PolicyOptions& options, bool positional) {
  constexpr const char* kWhich =
      "a policy file, or a directory for all of its policy files [config]";
  if (positional) app.add_option("FILE", options.files, kWhich);
  app.add_option("--policy", options.named, positional ? "the same as FILE" : kWhich)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1)
      ->allow_extra_args(false);
  app.add_flag("--json", options.json, "for machines");
  app.add_option("--color", options.color, "auto (on a terminal), always or never [auto]")
      ->check(CLI::IsMember({"auto", "always", "never"}));
  app.footer(std::string(kPolicyExits));
}

Paint::Paint(std::string_view when, std::FILE* out) {
  const char* no_color = std::getenv("NO_COLOR");
  const bool wanted = no_color == nullptr || *no_color == '\0';
  on_ = when == "always" || (when == "auto" && wanted && isatty(fileno(out)) == 1);
}

std::string Paint::paint(std::string_view code, std::string_view text) const {
  return on_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

Result<std::vector<policy::SourceFile>> read_policies(std::span<const std::string> paths) {
  std::vector<policy::SourceFile> files;
  const auto add = [&files](policy::SourceFile file) {
    const auto same = [&file](const policy::SourceFile& f) { return f.name == file.name; };
    if (std::ranges::none_of(files, same)) files.push_back(std::move(file));
  };
  for (const std::string& path : paths) {
    std::error_code error;
    if (fs::is_directory(path, error)) {
      auto directory = read_directory(path);
      if (!directory) return std::unexpected(directory.error());
      for (policy::SourceFile& file : *directory) add(std::move(file));
      continue;
    }
    if (fs::exists(path, error) && !fs::is_regular_file(path, error)) {
      return gateway_error("unreadable_file", path + ": is not a regular file");
    }
    auto text = read_file(path, kPolicyBytesMax);
    if (!text) return std::unexpected(text.error());
    add({path, std::move(*text)});
  }
  return files;
}

Result<ReadPolicies> load_policies(std::span<const policy::SourceFile> files) {
  ReadPolicies read{.loaded = policy::load_files(files), .snapshot = nullptr};
  if (!read.loaded.ok()) return read;
  const bool only_settings = std::ranges::all_of(files, [](const policy::SourceFile& file) {
    return fs::path(file.name).filename() == "capsem.toml";
  });
  if (read.loaded.documents.empty() && !only_settings) {
    std::string names;
    for (const policy::SourceFile& file : files) {
      names += (names.empty() ? "" : ", ") + file.name;
    }
    return gateway_error("no_policies", names + ": no policy file");
  }
  // Nothing in force: Debug alone acts, as it would for serve.
  auto loaded = policy::load_directory(files);
  if (!loaded) return std::unexpected(loaded.error());
  read.loaded.enabled = loaded->enabled;
  auto snapshot = policy::Snapshot::freeze(std::move(loaded->documents), loaded->revision);
  if (!snapshot) return std::unexpected(snapshot.error());
  read.snapshot = std::move(*snapshot);
  return read;
}

std::optional<ReadPolicies> policies_or_say(const PolicyOptions& options) {
  const auto say = [](const Error& error) {
    fmt::print(stderr, "capsem: {}\n", error.detail);
    return std::nullopt;
  };
  const auto files = read_policies(options.paths());
  if (!files) return say(files.error());
  auto read = load_policies(*files);
  if (!read) return say(read.error());
  if (read->snapshot != nullptr) return std::move(*read);
  const Paint paint(options.color, stderr);
  for (const policy::Diagnostic& diagnostic : read->loaded.diagnostics) {
    if (diagnostic.error) print_diagnostic(paint, diagnostic);
  }
  return std::nullopt;
}

std::string shown(const policy::Diagnostic& diagnostic) {
  return fmt::format("{}: {} {}", policy::to_string(diagnostic.origin), diagnostic.code,
                     diagnostic.message);
}

void print_diagnostic(const Paint& paint, const policy::Diagnostic& diagnostic) {
  fmt::print(stderr, "{} {}\n", diagnostic.error ? paint.bad("error:") : paint.odd("warning:"),
             shown(diagnostic));
}

void add_origin(audit::JsonLine& line, const policy::Origin& origin) {
  line.text("file", origin.file);
  line.number("line", std::uint64_t{origin.line});
  line.number("column", std::uint64_t{origin.column});
}

void print_line(std::string text) {
  text += '\n';
  std::fwrite(text.data(), 1, text.size(), stdout);
}

Result<std::string> text_argument(const std::string& argument) {
  if (argument == "-") return read_file(argument, kTextBytesMax);
  if (argument.starts_with('@')) return read_file(argument.substr(1), kTextBytesMax);
  return argument;
}

}  // namespace capsem::app
