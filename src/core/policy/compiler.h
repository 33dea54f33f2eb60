// Turns documents into a snapshot's compiled policies and its catalog of detectors. Internal to
// policy/.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/detect/entity.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

class Snapshot::Compiler {
 public:
  Compiler(Snapshot& snapshot, const Assignments& assignments)
      : snapshot_(snapshot), assignments_(assignments) {}
  Status run(std::unique_ptr<const detect::Detector> further);

 private:
  Status collect();
  Status collect_one(const Policy& source, bool made);
  // Where policies act: by their own words, and by what is assigned.
  Status place();
  Status place_by_own_words(std::uint32_t index);
  Status place_bindings();
  Status place_keys();
  Status place_at(std::uint32_t index, const std::string& target);
  // Files that everybody may bind, and those uploaded by this tenant or for all.
  bool may_name(const std::string& tenant, const Compiled& policy) const;
  bool is_uploaded(const Compiled& policy) const;
  bool unpriced(const Policy& policy) const;
  Status on_root(std::uint32_t index);
  void add_own_key_detector();
  Status compile(Compiled& policy);
  Status collect_keywords(const KeywordPolicy& policy, KeywordRules& rules);
  void collect_entities(const Policy& policy);
  void collect_kinds(const KindsPolicy& policy);
  void add_keyword_detector();
  Status add_pii_detectors();
  void add_shared_pii_detector();
  // Of one policy that lets values pass: what it has not to find, others may.
  Status add_allowing_detector(const PiiPolicy& policy, Compiled& compiled);
  Status add_own_entities(const PiiPolicy& policy, Compiled& compiled);
  // Without what the policy allows of them; `rules` of its types and its own entities.
  Result<std::unique_ptr<const detect::Detector>> allowing(
      const PiiPolicy& policy, const PiiRules& rules,
      std::unique_ptr<const detect::Detector> detector);
  Result<detect::DetectorMask> add_to_catalog(std::unique_ptr<const detect::Detector> detector);
  void add_kind_detector(KindFamily family);
  void look_at(Compiled& policy, detect::DetectorMask bit);
  Status compile_limit(const LimitPolicy& source, Compiled& policy);
  Status compile_prices();
  Status compile_keys();
  void take_defaults();

  Snapshot& snapshot_;
  const Assignments& assignments_;
  std::uint32_t made_begin_ = 0;  // the first policy that is in no file
  // One rule per word, letter case aside, however many policies name it.
  std::unordered_map<std::string, detect::RuleId> words_;
  std::vector<std::string> spellings_;
  detect::PiiOptions pii_{};  // of the detector that policies share
  bool wants_pii_ = false;
  // By family.
  struct WantedKinds {
    std::vector<bool> kinds;  // empty: none
    float score_min = 1;
    detect::RuleId first = 0;  // rule id of the first kind
  };
  std::array<WantedKinds, kKindFamilyCount> kinds_;
};

}  // namespace capsem::policy
