#include "core/detect/entity.h"

#include <algorithm>

namespace capsem::detect {
namespace {

// A country's own types begin with its name in capitals; these do not.
constexpr TypeMask kUnprefixedUs =
    TypeMask::of(EntityType::AbaRoutingNumber, EntityType::MedicalLicense);

constexpr TypeMask kDefault = TypeMask::of(
    EntityType::CreditCard, EntityType::Crypto, EntityType::EmailAddress, EntityType::IbanCode,
    EntityType::IpAddress, EntityType::PhoneNumber, EntityType::UsSsn, EntityType::UsBankNumber,
    EntityType::UsDriverLicense, EntityType::UsPassport, EntityType::Person, EntityType::Location,
    EntityType::DateTime, EntityType::Nrp, EntityType::MacAddress, EntityType::Url,
    EntityType::MedicalLicense, EntityType::UsItin, EntityType::UkNhs);

TypeMask of_country(std::string_view country) {
  TypeMask mask;
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    const std::string_view name = kEntityNames[i];
    const bool own = name.size() > 3 && name[2] == '_' && name[0] == country[0] - 'a' + 'A' &&
                     name[1] == country[1] - 'a' + 'A';
    if (own) mask.insert(static_cast<EntityType>(i));
  }
  return mask;
}

}  // namespace

std::string_view to_string(EntityType type) {
  return kEntityNames[index_of(type)];
}

std::optional<EntityType> entity_type(std::string_view name) {
  const auto found = std::ranges::find(kEntityNames, name);
  if (found == kEntityNames.end()) return std::nullopt;
  return static_cast<EntityType>(found - kEntityNames.begin());
}

std::optional<TypeMask> entity_group(std::string_view name) {
  if (std::ranges::find(kEntityGroupNames, name) == kEntityGroupNames.end()) return std::nullopt;
  if (name == "default") return kDefault;
  if (name == "us") return of_country("us") | kUnprefixedUs;
  if (name != "eu") return of_country(name);
  TypeMask mask;
  for (const std::string_view member : {"de", "es", "fi", "it", "pl", "se"}) {
    mask |= of_country(member);
  }
  return mask;
}

}  // namespace capsem::detect
