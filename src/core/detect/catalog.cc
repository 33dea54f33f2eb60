#include "core/detect/catalog.h"

#include <utility>

namespace capsem::detect {

DetectorMask Catalog::add(std::unique_ptr<const Detector> detector) {
  detectors_.push_back(std::move(detector));
  return DetectorMask{1} << (detectors_.size() - 1);
}

RuleId Catalog::add_rule(std::string name) {
  rules_.push_back(std::move(name));
  return static_cast<RuleId>(rules_.size() - 1);
}

CatalogScratch::CatalogScratch(const Catalog& catalog) {
  scratch_.reserve(catalog.size());
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    scratch_.push_back(catalog.detector(i).make_scratch());
  }
}

Status scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
                std::string_view text, std::vector<Finding>& findings) {
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    if ((mask >> i & 1) == 0) continue;
    const auto decided = catalog.detector(i).scan(
        {.text = text, .from = 0, .base = 0, .last = true}, scratch[i], findings);
    if (!decided) return std::unexpected(decided.error());
  }
  return {};
}

}  // namespace capsem::detect
