// What the keys of one-policy files may hold; what is wrong is reported. Internal to policy/.
#pragma once

#include <optional>
#include <string_view>

#include "core/policy/ir.h"
#include "core/policy/shape.h"
#include "core/policy/source_tree.h"

namespace capsem::policy {

std::optional<bool> read_bool(Reporter& report, const SourceMember& member);
// 0 to 1.
std::optional<float> read_threshold(Reporter& report, const SourceMember& member);
// The original's names, in any letter case.
std::optional<Verdict> read_file_verdict(Reporter& report, const SourceMember& member);

// 'redaction' and 'restore'.
class RedactionKeys {
 public:
  // Both outlive this.
  RedactionKeys(Reporter& report, Redaction& redaction) : report_(report), redaction_(redaction) {}

  bool read(const SourceMember& member);  // false: neither of the two
  void check() const;                     // whether they fit, once all keys are read

 private:
  Reporter& report_;
  Redaction& redaction_;
  Place restore_place_;
};

// What a check_* switch switches; 0: there is no such switch.
Surfaces surface_of_switch(std::string_view key);

}  // namespace capsem::policy
