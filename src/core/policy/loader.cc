#include "core/policy/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/sha256.h"
#include "core/policy/policy_file.h"

namespace capsem::policy {
namespace {

constexpr std::array<std::string_view, 2> kStems = {"debug", "pii"};

std::string_view base_name(std::string_view path) {
  const auto slash = path.find_last_of('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

struct NameParts {
  std::string_view stem;
  std::string extension;  // lower case, without the dot
};

NameParts split_name(std::string_view path) {
  const std::string_view name = base_name(path);
  const auto dot = name.find_last_of('.');
  if (dot == std::string_view::npos || dot == 0) return {name, ""};
  NameParts parts{name.substr(0, dot), std::string(name.substr(dot + 1))};
  std::ranges::transform(parts.extension, parts.extension.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return parts;
}

bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

// Whether the text has `word` as a key: bare or quoted, a colon after it. Comments and nested keys
// count too: a document that might hold rules is refused rather than skipped.
bool has_key(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    if (at > 0 && is_word_byte(text[at - 1])) continue;
    std::size_t after = at + word.size();
    if (after < text.size() && (text[after] == '"' || text[after] == '\'')) ++after;
    while (after < text.size() && (text[after] == ' ' || text[after] == '\t' ||
                                   text[after] == '\n' || text[after] == '\r')) {
      ++after;
    }
    if (after < text.size() && text[after] == ':') return true;
  }
  return false;
}

class DirectoryLoader {
 public:
  Result<Loaded> load(std::span<const SourceFile> files) {
    std::vector<const SourceFile*> ordered;
    for (const SourceFile& file : files) ordered.push_back(&file);
    std::ranges::sort(ordered, {}, [](const SourceFile* f) { return base_name(f->name); });

    for (const SourceFile* file : ordered) {
      if (auto ok = load_file(*file); !ok) return std::unexpected(ok.error());
    }
    if (loaded_.enabled.empty()) add(KeywordPolicy{});
    loaded_.revision = "sha256:" + sha256_hex(digested_);
    return std::move(loaded_);
  }

 private:
  Status load_file(const SourceFile& file) {
    if (base_name(file.name) == "capsem.toml") return {};
    const NameParts parts = split_name(file.name);
    if (parts.extension == "toml") return load_toml(file, parts.stem);
    if (parts.extension == "json" || parts.extension == "yml" || parts.extension == "yaml") {
      return refuse_other_format(file, parts.stem);
    }
    return {};  // a README, an editor's backup: never a policy
  }

  Status load_toml(const SourceFile& file, std::string_view stem) {
    auto source = TomlSource::parse(file.name, file.text);
    if (!source) return std::unexpected(source.error());
    for (const auto& [key, value] : source->root()) {
      if (key != "schema" && key != "policy") continue;
      return source->error_at(key.source(),
                              "policy files of the general format (schema = 1, [[policy]]) are not "
                              "supported by this release, and a policy that would not be enforced "
                              "must not be there; move the file away or use debug.toml and "
                              "pii.toml");
    }
    if (stem != "debug" && stem != "pii") {
      warn(fmt::format("{}: unknown policy file, skipped{}", file.name, suggestion(stem, kStems)));
      return {};
    }
    std::vector<std::string> warnings;
    auto policy =
        stem == "debug" ? read_debug_file(*source, warnings) : read_pii_file(*source, warnings);
    for (std::string& warning : warnings) warn(std::move(warning));
    if (!policy) return std::unexpected(policy.error());
    digest(file);
    if (*policy) add(std::move(**policy));
    return {};
  }

  // Documents of other products hold rules that this release cannot enforce. Skipping one would
  // leave its author unprotected without knowing.
  Status refuse_other_format(const SourceFile& file, std::string_view stem) {
    constexpr std::array<std::string_view, 3> kRuleKeys = {"rules", "allow", "deny"};
    const bool rules = std::ranges::any_of(
        kRuleKeys, [&](std::string_view key) { return has_key(file.text, key); });
    if (stem == "sekuire" || rules) {
      return gateway_error(
          "invalid_config",
          fmt::format("{}:1:1: policies in YAML or JSON are not supported by this release, and a "
                      "policy that would not be enforced must not be there; move the file away",
                      file.name));
    }
    warn(fmt::format("{}: not a policy file, skipped", file.name));
    return {};
  }

  void add(Policy policy) {
    loaded_.enabled.push_back(head_of(policy).name);
    if (loaded_.documents.empty()) loaded_.documents.emplace_back();
    loaded_.documents[0].policies.push_back(std::move(policy));
  }

  void warn(std::string message) {
    loaded_.diagnostics.push_back(
        {.code = "W00", .origin = {}, .message = std::move(message), .error = false});
  }

  // Lengths make the digest's input unambiguous.
  void digest(const SourceFile& file) {
    const std::string_view name = base_name(file.name);
    digested_ += fmt::format("{}:{}:{}:", name.size(), name, file.text.size());
    digested_ += file.text;
  }

  Loaded loaded_;
  std::string digested_;
};

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  if (diagnostic.origin.file.empty()) return diagnostic.message;
  return to_string(diagnostic.origin) + ": " + diagnostic.message;
}

bool Loaded::ok() const {
  return std::ranges::none_of(diagnostics, &Diagnostic::error);
}

Result<Loaded> load_directory(std::span<const SourceFile> files) {
  return DirectoryLoader().load(files);
}

}  // namespace capsem::policy
