#include "core/detect/catalog.h"

#include <algorithm>
#include <utility>

#include "core/base/hash.h"

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

namespace {

// One detector over one text, a slice at a time, so that the clock is looked at in between. A
// detector sees kLookBehind bytes before what it has not decided, as in a stream.
Status scan_sliced(const Detector& detector, Scratch& scratch, std::string_view text,
                   std::vector<Finding>& findings, const ScanGuard& guard) {
  std::size_t decided = 0, end = 0;
  while (end < text.size() || text.empty()) {
    end = std::min(text.size(), end + ScanGuard::kSliceBytes);
    const std::size_t base = decided > kLookBehind ? decided - kLookBehind : 0;
    const auto done = detector.scan({.text = text.substr(base, end - base),
                                     .from = decided - base,
                                     .base = base,
                                     .last = end == text.size()},
                                    scratch, findings);
    if (!done) return std::unexpected(done.error());
    decided = base + *done;
    if (end == text.size()) break;
    if (guard.clock->monotonic_ns() > guard.until_ns) {
      return gateway_error("inspection_failed", "a detector passed its deadline");
    }
  }
  return {};
}

}  // namespace

void scan_all(const Catalog& catalog, DetectorMask mask, CatalogScratch& scratch,
              std::string_view text, std::vector<Finding>& findings, ScanGuard& guard) {
  const bool sliced = guard.clock != nullptr && text.size() > ScanGuard::kSliceBytes;
  for (std::size_t i = 0; i < catalog.size(); ++i) {
    const DetectorMask bit = DetectorMask{1} << i;
    if ((mask & ~guard.failed & bit) == 0) continue;
    const std::size_t before = findings.size();
    Status done;
    if (sliced) {
      done = scan_sliced(catalog.detector(i), scratch[i], text, findings, guard);
    } else {
      done = scan_all(catalog, bit, scratch, text, findings);
    }
    if (done) continue;
    guard.failed |= bit;
    findings.resize(before);
  }
}

}  // namespace capsem::detect
