#include "core/policy/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/base/sha256.h"
#include "core/policy/control_zero.h"
#include "core/policy/native_file.h"
#include "core/policy/policy_file.h"
#include "core/policy/sekuire_file.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"
#include "core/policy/toml_source.h"

namespace capsem::policy {
namespace {

using OriginalReader = std::optional<Policy> (*)(Reporter&, const SourceNode&);
constexpr std::array<std::string_view, 4> kStems = {"debug", "pii", "secrets", "injection"};
constexpr std::array<OriginalReader, kStems.size()> kOriginalReaders = {
    read_debug_file, read_pii_file, read_secrets_file, read_injection_file};

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

// Whether the text has `word` as a key: bare or quoted, a colon after it. Asked of files that
// cannot be read: one that might hold rules is refused rather than skipped.
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

bool may_hold_rules(std::string_view text) {
  constexpr std::array<std::string_view, 3> kRuleKeys = {"rules", "allow", "deny"};
  return std::ranges::any_of(kRuleKeys,
                             [text](std::string_view key) { return has_key(text, key); });
}

// Which of two places comes first in what is said.
bool stands_before(const Diagnostic& a, const Diagnostic& b) {
  const auto key = [](const Diagnostic& d) {
    return std::tuple(base_name(d.origin.file), std::string_view(d.origin.file), d.origin.line,
                      d.origin.column);
  };
  return key(a) < key(b);
}

bool acts(const Policy& policy) {
  return head_of(policy).state == Lifecycle::Active;
}

class Loader {
 public:
  Loaded load(std::span<const SourceFile> files) {
    std::vector<const SourceFile*> ordered;
    for (const SourceFile& file : files) ordered.push_back(&file);
    std::ranges::stable_sort(ordered, {}, [](const SourceFile* f) { return base_name(f->name); });
    for (const SourceFile* file : ordered) load_file(*file);
    if (!control_zero_.empty()) {
      Document document = flatten(std::move(control_zero_), loaded_.diagnostics);
      loaded_.documents.insert(
          loaded_.documents.begin() + static_cast<std::ptrdiff_t>(control_zero_at_),
          std::move(document));
    }
    std::ranges::stable_sort(loaded_.documents, {}, &Document::priority);
    check_ids();
    std::ranges::stable_sort(loaded_.diagnostics, stands_before);
    loaded_.revision = "sha256:" + sha256_hex(digested_);
    return std::move(loaded_);
  }

 private:
  void load_file(const SourceFile& file) {
    if (base_name(file.name) == "capsem.toml") return;
    const NameParts parts = split_name(file.name);
    if (parts.extension == "toml") {
      load_toml(file, parts.stem);
    } else if (parts.extension == "json") {
      load_other(file, parts.stem, Syntax::Json);
    } else if (parts.extension == "yml" || parts.extension == "yaml") {
      load_other(file, parts.stem, Syntax::Yaml);
    }  // else a README, an editor's backup: never a policy
  }

  void load_toml(const SourceFile& file, std::string_view stem) {
    Reporter report(file.name, loaded_.diagnostics);
    SourceTree tree = read_tree(Syntax::Toml, file.text);
    if (tree.error) return report.error("E01", tree.error->place, tree.error->message);
    if (tree.root.member("schema") != nullptr) {
      check_indentation(report, Syntax::Toml, file.text);
      digest(file);
      loaded_.documents.push_back(read_native(report, stem, tree.root));
    } else if (const SourceMember* policies = tree.root.member("policy")) {
      // Skipping it would leave its author unprotected without knowing.
      report.error("E03", policies->place, "a file with [[policy]] needs 'schema = 1' at its top");
    } else if (const auto known = std::ranges::find(kStems, stem); known != kStems.end()) {
      digest(file);
      load_original(report, static_cast<std::size_t>(known - kStems.begin()), tree.root);
    } else {
      report.warn("W00", {}, "unknown policy file, skipped" + suggestion(stem, kStems));
    }
  }

  void load_original(Reporter& report, std::size_t which, const SourceNode& root) {
    auto policy = kOriginalReaders[which](report, root);
    if (!policy) return;
    Document document;
    document.name = kStems[which];
    document.origin = report.origin({});
    document.source = "original";
    document.policies.push_back(std::move(*policy));
    loaded_.documents.push_back(std::move(document));
  }

  void load_other(const SourceFile& file, std::string_view stem, Syntax syntax) {
    Reporter report(file.name, loaded_.diagnostics);
    const bool sekuire = stem == "sekuire" && syntax == Syntax::Yaml;
    const SourceTree tree = read_tree(syntax, file.text);
    if (tree.error) {
      if (sekuire || may_hold_rules(file.text)) {
        return report.error("E01", tree.error->place, tree.error->message);
      }
      return report.warn("W00", {}, "not a policy file, skipped");
    }
    if (sekuire) {
      digest(file);
      loaded_.documents.push_back(read_sekuire(report, tree.root));
    } else if (is_control_zero(tree.root)) {
      check_indentation(report, syntax, file.text);
      digest(file);
      if (control_zero_.empty()) control_zero_at_ = loaded_.documents.size();
      control_zero_.push_back(read_control_zero(report, stem, tree.root));
    } else {
      report.warn("W00", {}, "not a policy file, skipped");
    }
  }

  static void check_indentation(Reporter& report, Syntax syntax, std::string_view text) {
    if (const auto tab = tab_indentation(syntax, text)) {
      report.error("E01", *tab, "a tab as indentation; use spaces");
    }
  }

  // Ids are unique in all documents. An operator's comes first, so that a user's document cannot
  // take its name.
  void check_ids() {
    struct Seen {
      Origin origin;
      bool operator_band;
    };
    std::unordered_map<std::string, Seen> seen;
    for (const Document& document : loaded_.documents) {
      for (const Policy& policy : document.policies) {
        const Head& head = head_of(policy);
        const bool operator_band = document.priority < 0;
        const auto [first, fresh] = seen.try_emplace(head.id, Seen{head.origin, operator_band});
        if (fresh || head.id.empty()) continue;
        const bool taken = first->second.operator_band && !operator_band;
        const std::string at = to_string(first->second.origin);
        loaded_.diagnostics.push_back(
            {.code = "E05",
             .origin = head.origin,
             .message =
                 taken ? fmt::format("'{}' is an operator's policy ({}); a user's document "
                                     "cannot replace, rebind or shadow it",
                                     head.id, at)
                       : fmt::format("a second policy '{}'; the first is at {}", head.id, at)});
      }
    }
  }

  // Lengths make the digest's input unambiguous.
  void digest(const SourceFile& file) {
    const std::string_view name = base_name(file.name);
    digested_ += fmt::format("{}:{}:{}:", name.size(), name, file.text.size());
    digested_ += file.text;
  }

  Loaded loaded_;
  std::string digested_;
  std::vector<ControlZeroFile> control_zero_;
  std::size_t control_zero_at_ = 0;  // where the first one stands among the documents
};

void name_enabled(Loaded& loaded) {
  for (const Document& document : loaded.documents) {
    for (const Policy& policy : document.policies) {
      if (acts(policy)) loaded.enabled.push_back(head_of(policy).name);
    }
  }
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  if (diagnostic.origin.file.empty()) return diagnostic.message;
  return to_string(diagnostic.origin) + ": " + diagnostic.message;
}

bool Loaded::ok() const {
  return std::ranges::none_of(diagnostics, &Diagnostic::error);
}

Loaded read_files(std::span<const SourceFile> files) {
  Loaded loaded = Loader().load(files);
  name_enabled(loaded);
  return loaded;
}

Loaded load_files(std::span<const SourceFile> files) {
  Loaded loaded = read_files(files);
  for (Document& document : loaded.documents) {
    std::erase_if(document.policies, [](const Policy& policy) { return !acts(policy); });
  }
  return loaded;
}

Result<Loaded> load_directory(std::span<const SourceFile> files) {
  Loaded loaded = load_files(files);
  if (!loaded.ok()) {
    std::string detail;
    for (const Diagnostic& diagnostic : loaded.diagnostics) {
      if (!diagnostic.error) continue;
      if (!detail.empty()) detail += '\n';
      detail += to_string(diagnostic);
    }
    return gateway_error("invalid_config", std::move(detail));
  }
  if (loaded.enabled.empty()) {
    Document document;
    document.name = "debug";
    document.source = "original";
    document.policies.emplace_back(std::in_place_type<KeywordPolicy>);
    loaded.documents.push_back(std::move(document));
    name_enabled(loaded);
  }
  return loaded;
}

}  // namespace capsem::policy
