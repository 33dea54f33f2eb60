#include "core/detect/catalog.h"

#include <utility>

#include "core/base/hash.h"

namespace capsem::detect {

DetectorMask Catalog::add(std::unique_ptr<const Detector> detector, Views views) {
  detectors_.push_back(std::move(detector));
  const DetectorMask bit = DetectorMask{1} << (detectors_.size() - 1);
  for (std::size_t i = 0; i < kViewCount; ++i) {
    if ((views >> i & 1) != 0) viewers_[i] |= bit;
  }
  return bit;
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

std::uint64_t value_digest(std::string_view match, std::uint64_t key) {
  std::uint64_t digest = mix64(key + 1);
  for (const char c : match) {
    const bool upper = c >= 'A' && c <= 'Z';
    const bool kept = upper || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                      static_cast<unsigned char>(c) >= 0x80;
    if (!kept) continue;
    digest = hash_combine(digest, static_cast<unsigned char>(upper ? c - 'A' + 'a' : c));
  }
  return digest == 0 ? 1 : digest;
}

}  // namespace capsem::detect
