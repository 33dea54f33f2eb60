#include "core/detect/entity.h"

namespace capsem::detect {
namespace {
constexpr std::array<std::string_view, kEntityTypeCount> kNames = {
    "CREDIT_CARD",  "CRYPTO",   "EMAIL_ADDRESS",  "IBAN_CODE",         "IP_ADDRESS",
    "PHONE_NUMBER", "US_SSN",   "US_BANK_NUMBER", "US_DRIVER_LICENSE", "US_PASSPORT",
    "PERSON",       "LOCATION", "DATE_TIME",
};
}  // namespace

std::string_view to_string(EntityType type) {
  return kNames[static_cast<std::size_t>(type)];
}

std::optional<EntityType> entity_type(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<EntityType>(i);
  }
  return std::nullopt;
}

}  // namespace capsem::detect
