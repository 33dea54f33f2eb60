// The PII entity types of the original's pii.toml (R29) and the detector that finds them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/detect/catalog.h"
#include "core/detect/detector.h"

namespace capsem::detect {

enum class EntityType : std::uint8_t {
  CreditCard,
  Crypto,
  EmailAddress,
  IbanCode,
  IpAddress,
  PhoneNumber,
  UsSsn,
  UsBankNumber,
  UsDriverLicense,
  UsPassport,
  Person,
  Location,
  DateTime,
};
inline constexpr std::size_t kEntityTypeCount = 13;

std::string_view to_string(EntityType type);  // "CREDIT_CARD", ...
std::optional<EntityType> entity_type(std::string_view name);

struct PiiOptions {
  std::array<bool, kEntityTypeCount> enabled{};  // only these are looked for
  std::array<RuleId, kEntityTypeCount> rules{};  // the id each type is reported under
  bool context = true;  // context words raise weak scores (detection.md 1.3)
  float score_min = 0;  // findings below are not reported
};

// Never null. Compiles what it needs once; the scan itself allocates nothing in the common case.
std::unique_ptr<const Detector> make_pii_detector(const PiiOptions& options);

}  // namespace capsem::detect
