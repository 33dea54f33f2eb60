// The PII entity types, Presidio's names (docs/detection.md), and the detector that finds them.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "core/detect/catalog.h"
#include "core/detect/detector.h"

namespace capsem::detect {

// The 13 of the original's pii.toml (R29) come first, in its order.
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
  Nrp,
  MacAddress,
  Url,
  MedicalLicense,
  UsItin,
  UkNhs,
  AbaRoutingNumber,
  UsMbi,
  UsNpi,
  UkNino,
  UkPassport,
  UkPostcode,
  UkDrivingLicence,
  UkVehicleRegistration,
  AuAbn,
  AuAcn,
  AuTfn,
  AuMedicare,
  CaSin,
  InAadhaar,
  InPan,
  InGstin,
  InVoter,
  InPassport,
  InVehicleRegistration,
  SgNricFin,
  SgUen,
  EsNif,
  EsNie,
  EsPassport,
  ItFiscalCode,
  ItVatCode,
  ItDriverLicense,
  ItIdentityCard,
  ItPassport,
  PlPesel,
  FiPersonalIdentityCode,
  SePersonnummer,
  SeOrganisationsnummer,
  DeTaxId,
  DeTaxNumber,
  DeVatId,
  DeIdCard,
  DePassport,
  DeSocialSecurity,
  DeHealthInsurance,
  DeLanr,
  DeBsnr,
  DeHandelsregister,
  DeKfz,
  DePlz,
  DeFuehrerschein,
  KrRrn,
  KrFrn,
  KrBrn,
  KrDriverLicense,
  KrPassport,
  ThTnin,
  TrNationalId,
  TrLicensePlate,
  TrPhoneNumber,
  NgNin,
  NgVehicleRegistration,
  PhTin,
  PhMobileNumber,
  ZaIdNumber,
};

inline constexpr auto kEntityNames = std::to_array<std::string_view>({
    "CREDIT_CARD",
    "CRYPTO",
    "EMAIL_ADDRESS",
    "IBAN_CODE",
    "IP_ADDRESS",
    "PHONE_NUMBER",
    "US_SSN",
    "US_BANK_NUMBER",
    "US_DRIVER_LICENSE",
    "US_PASSPORT",
    "PERSON",
    "LOCATION",
    "DATE_TIME",
    "NRP",
    "MAC_ADDRESS",
    "URL",
    "MEDICAL_LICENSE",
    "US_ITIN",
    "UK_NHS",
    "ABA_ROUTING_NUMBER",
    "US_MBI",
    "US_NPI",
    "UK_NINO",
    "UK_PASSPORT",
    "UK_POSTCODE",
    "UK_DRIVING_LICENCE",
    "UK_VEHICLE_REGISTRATION",
    "AU_ABN",
    "AU_ACN",
    "AU_TFN",
    "AU_MEDICARE",
    "CA_SIN",
    "IN_AADHAAR",
    "IN_PAN",
    "IN_GSTIN",
    "IN_VOTER",
    "IN_PASSPORT",
    "IN_VEHICLE_REGISTRATION",
    "SG_NRIC_FIN",
    "SG_UEN",
    "ES_NIF",
    "ES_NIE",
    "ES_PASSPORT",
    "IT_FISCAL_CODE",
    "IT_VAT_CODE",
    "IT_DRIVER_LICENSE",
    "IT_IDENTITY_CARD",
    "IT_PASSPORT",
    "PL_PESEL",
    "FI_PERSONAL_IDENTITY_CODE",
    "SE_PERSONNUMMER",
    "SE_ORGANISATIONSNUMMER",
    "DE_TAX_ID",
    "DE_TAX_NUMBER",
    "DE_VAT_ID",
    "DE_ID_CARD",
    "DE_PASSPORT",
    "DE_SOCIAL_SECURITY",
    "DE_HEALTH_INSURANCE",
    "DE_LANR",
    "DE_BSNR",
    "DE_HANDELSREGISTER",
    "DE_KFZ",
    "DE_PLZ",
    "DE_FUEHRERSCHEIN",
    "KR_RRN",
    "KR_FRN",
    "KR_BRN",
    "KR_DRIVER_LICENSE",
    "KR_PASSPORT",
    "TH_TNIN",
    "TR_NATIONAL_ID",
    "TR_LICENSE_PLATE",
    "TR_PHONE_NUMBER",
    "NG_NIN",
    "NG_VEHICLE_REGISTRATION",
    "PH_TIN",
    "PH_MOBILE_NUMBER",
    "ZA_ID_NUMBER",
});
inline constexpr std::size_t kEntityTypeCount = kEntityNames.size();
static_assert(static_cast<std::size_t>(EntityType::ZaIdNumber) + 1 == kEntityTypeCount);

constexpr std::size_t index_of(EntityType type) {
  return static_cast<std::size_t>(type);
}
std::string_view to_string(EntityType type);  // "CREDIT_CARD", ...
std::optional<EntityType> entity_type(std::string_view name);

// A set of types. Its operations are a few words' worth of bits, however many types there are.
class TypeMask {
 public:
  constexpr TypeMask() = default;
  constexpr explicit TypeMask(EntityType type) { insert(type); }
  template <class... Types>
  static constexpr TypeMask of(Types... types) {
    TypeMask mask;
    (mask.insert(types), ...);
    return mask;
  }

  constexpr void insert(EntityType type) { words_[word(type)] |= bit(type); }
  constexpr bool has(EntityType type) const { return (words_[word(type)] & bit(type)) != 0; }
  constexpr bool empty() const { return (words_[0] | words_[1]) == 0; }
  constexpr bool meets(const TypeMask& other) const { return !(*this & other).empty(); }

  constexpr TypeMask& operator|=(const TypeMask& other) {
    words_[0] |= other.words_[0];
    words_[1] |= other.words_[1];
    return *this;
  }
  constexpr TypeMask operator&(const TypeMask& other) const {
    TypeMask both;
    both.words_ = {words_[0] & other.words_[0], words_[1] & other.words_[1]};
    return both;
  }
  constexpr TypeMask operator|(const TypeMask& other) const {
    TypeMask any = *this;
    return any |= other;
  }
  constexpr bool operator==(const TypeMask&) const = default;

 private:
  static constexpr std::size_t word(EntityType type) { return index_of(type) / 64; }
  static constexpr std::uint64_t bit(EntityType type) {
    return std::uint64_t{1} << index_of(type) % 64;
  }
  std::array<std::uint64_t, 2> words_{};
};
static_assert(kEntityTypeCount <= 128);

// The types that a name in a policy file stands for together: "us", "uk", "de", ... for a country's
// own, "eu" for those of the Union's members, "default" for the types that Presidio looks for
// unasked, names included.
std::optional<TypeMask> entity_group(std::string_view name);
inline constexpr auto kEntityGroupNames = std::to_array<std::string_view>(
    {"default", "us", "uk", "eu", "au", "ca", "in", "sg", "es", "it",
     "pl",      "fi", "se", "de", "kr", "th", "tr", "ng", "ph", "za"});

struct PiiOptions {
  std::array<bool, kEntityTypeCount> enabled{};  // only these are looked for
  std::array<RuleId, kEntityTypeCount> rules{};  // the id each type is reported under
  bool context = true;  // context words raise weak scores (docs/detection.md)
  float score_min = 0;  // findings below are not reported
};

// Never null. Compiles what it needs once; the scan itself allocates nothing in the common case.
std::unique_ptr<const Detector> make_pii_detector(const PiiOptions& options);

}  // namespace capsem::detect
