// Control Zero's rule documents, JSON or YAML (R71-R80):
//   { name, priority, rules: [ { effect, action, resource, conditions } ], settings }
// with the shorthand `- allow: "llm.generate"` for a rule and `allow:`/`deny:` lists for a
// document. All such documents of a directory flatten, by ascending priority, into one access
// policy: first match wins (R74, R75).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

// One document as it was read.
struct ControlZeroFile {
  std::string name;  // its own, or the file's
  Origin origin;
  std::int64_t priority = 100;  // lower comes first; among such documents only
  std::vector<AccessRule> rules;
  struct Setting {
    Verdict effect;
    Origin origin;
  };
  std::optional<Setting> default_action, default_on_empty;
};

// Whether a tree is meant to be such a document: `rules`, `allow` or `deny` at its top level.
bool is_control_zero(const SourceNode& root);

ControlZeroFile read_control_zero(Reporter& report, std::string_view stem, const SourceNode& root);

// One policy of them all. `files` is not empty and in the order of names. Of a default setting that
// several documents give, the one with the lowest priority counts; those that say otherwise get a
// warning. Without any rule the policy observes (R80), unless default_on_empty says otherwise.
Document flatten(std::vector<ControlZeroFile> files, std::vector<Diagnostic>& diagnostics);

}  // namespace capsem::policy
