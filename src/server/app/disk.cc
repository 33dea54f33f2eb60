#include "server/app/disk.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <system_error>

#include "core/base/ascii.h"

namespace capsem::app {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPolicyBytesMax = 4u << 20;

std::unexpected<Error> unreadable(std::string_view path, std::string_view reason) {
  return gateway_error("unreadable_file", fmt::format("{}: {}", path, reason));
}

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

}  // namespace

bool is_config_name(std::string_view name) {
  const fs::path path(name);
  if (path.filename().string().starts_with('.')) return false;
  const std::string extension = ascii_lower(path.extension().string());
  return extension == ".toml" || extension == ".json" || extension == ".yml" ||
         extension == ".yaml";
}

Result<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const std::unique_ptr<std::FILE, CloseFile> file(path == "-" ? stdin
                                                               : std::fopen(path.c_str(), "rbe"));
  if (file == nullptr) return unreadable(path, std::strerror(errno));
  std::string text;
  char buffer[64 << 10];
  while (const std::size_t size = std::fread(buffer, 1, sizeof buffer, file.get())) {
    if (text.size() + size > bytes_max) {
      return unreadable(path, fmt::format("more than {} bytes", bytes_max));
    }
    text.append(buffer, size);
  }
  if (std::ferror(file.get()) != 0) return unreadable(path, std::strerror(errno));
  return text;
}

Result<ConfigDirectory> read_config_directory(const std::string& path) {
  ConfigDirectory directory;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return directory;
  if (error) return unreadable(path, error.message());
  if (!fs::is_directory(status)) return unreadable(path, "is not a directory");
  directory.exists = true;

  fs::directory_iterator entries(path, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
    const fs::path& entry = entries->path();
    if (!is_config_name(entry.string())) continue;
    std::error_code no_status;
    if (entries->is_directory(no_status)) continue;
    // A pipe would hold up whoever reads it.
    if (entries->exists(no_status) && !entries->is_regular_file(no_status)) {
      return unreadable(entry.string(), "is not a regular file");
    }
    auto text = read_file(entry.string(), kPolicyBytesMax);
    if (!text) return std::unexpected(text.error());
    directory.files.push_back({entry.string(), std::move(*text)});
  }
  if (error) return unreadable(path, error.message());
  std::ranges::sort(directory.files, {}, &policy::SourceFile::name);
  return directory;
}

std::string policy_file_path(const std::string& directory, const std::string& file) {
  return (fs::path(directory) / file).lexically_normal().string();
}

Result<ConfigDirectory> read_policy_files(const std::string& path,
                                          const std::vector<std::string>& files) {
  auto directory = read_config_directory(path);
  if (!directory) return directory;
  for (const std::string& file : files) {
    const std::string name = policy_file_path(path, file);
    std::error_code unknown;
    const bool there = std::ranges::any_of(directory->files, [&](const policy::SourceFile& read) {
      return fs::equivalent(read.name, name, unknown);
    });
    if (there) continue;
    if (fs::exists(name, unknown) && !fs::is_regular_file(name, unknown)) {
      return unreadable(name, "is not a regular file");
    }
    auto text = read_file(name, kPolicyBytesMax);
    if (!text) return std::unexpected(text.error());
    directory->files.push_back({name, std::move(*text)});
  }
  return directory;
}

std::optional<ConfigFile> config_file_of(const ConfigDirectory& directory) {
  for (const policy::SourceFile& file : directory.files) {
    if (fs::path(file.name).filename() == "capsem.toml") return ConfigFile{file.name, file.text};
  }
  return std::nullopt;
}

}  // namespace capsem::app
