// Lists of globs, compiled: to whom a policy applies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/glob.h"
#include "core/policy/ir.h"
#include "core/policy/subject.h"

namespace capsem::policy {

// Globs joined by OR. A value; const calls are thread-safe.
class GlobList {
 public:
  static Result<GlobList> compile(std::span<const std::string> patterns);
  bool empty() const { return globs_.empty(); }
  bool any_matches(std::string_view text) const;

 private:
  std::vector<Glob> globs_;
};

class BoundTo {
 public:
  static Result<BoundTo> compile(const Binding& binding);
  // An empty list is everybody; a list that is not empty wants a name to match.
  bool applies(const Subject& subject) const;
  // The same where something else has settled whether it acts on this integration.
  bool applies_here(const Subject& subject) const;

 private:
  GlobList agents_, keys_, integrations_, models_;
  bool everybody_ = true;  // integrations aside
};

}  // namespace capsem::policy
