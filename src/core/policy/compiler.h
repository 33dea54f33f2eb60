// Turns documents into a snapshot's compiled policies and its catalog of detectors. Internal to
// policy/.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>

#include "core/detect/entity.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

class Snapshot::Compiler {
 public:
  explicit Compiler(Snapshot& snapshot) : snapshot_(snapshot) {}
  Status run(std::unique_ptr<const detect::Detector> further);

 private:
  Status collect();
  Status compile(Compiled& policy);
  Status collect_keywords(const KeywordPolicy& policy, KeywordRules& rules);
  void collect_entities(const Policy& policy);
  void add_keyword_detector();
  void add_pii_detector();
  void look_at(Compiled& policy, detect::DetectorMask bit);
  Status compile_limit(const LimitPolicy& source, Compiled& policy);
  Status compile_prices();
  Status compile_keys();
  void take_defaults();

  Snapshot& snapshot_;
  // One rule per word, letter case aside, however many policies name it.
  std::unordered_map<std::string, detect::RuleId> words_;
  std::vector<std::string> spellings_;
  detect::PiiOptions pii_{};
  bool wants_pii_ = false;
};

}  // namespace capsem::policy
