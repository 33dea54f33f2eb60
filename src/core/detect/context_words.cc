#include "core/detect/context_words.h"

#include <algorithm>
#include <array>
#include <bit>

#include "core/detect/chars.h"

namespace capsem::detect {
namespace {

using enum EntityType;

// Where in a word of the text a listed one counts. Whole: no letter beside it, but for "number",
// "no" or "id" after it.
enum class Where : std::uint8_t { Anywhere, Start, Whole };

struct Listed {
  std::string_view word;
  TypeMask types;
  Where where = Where::Anywhere;
};

constexpr auto kListed = std::to_array<Listed>({
    {"aadhaar", TypeMask{InAadhaar}},
    {"aba", TypeMask{AbaRoutingNumber}, Where::Whole},
    {"abn", TypeMask{AuAbn}, Where::Whole},
    {"account", TypeMask{UsBankNumber}},
    {"acct", TypeMask{UsBankNumber}},
    {"acn", TypeMask{AuAcn}, Where::Whole},
    {"acra", TypeMask{SgUen}, Where::Whole},
    {"address", TypeMask{UkPostcode}},
    {"amex", TypeMask{CreditCard}},
    {"arztnummer", TypeMask{DeLanr}},
    {"ausweis", TypeMask{DeIdCard}},
    {"bank", TypeMask::of(IbanCode, UsBankNumber)},
    {"beneficiary", TypeMask{UsMbi}},
    {"betriebsst", TypeMask{DeBsnr}},
    {"bir", TypeMask{PhTin}, Where::Whole},
    {"birthday", TypeMask{DateTime}},
    {"bitcoin", TypeMask{Crypto}},
    {"brn", TypeMask{KrBrn}, Where::Whole},
    {"bsnr", TypeMask{DeBsnr}, Where::Whole},
    {"btc", TypeMask{Crypto}},
    {"call", TypeMask{PhoneNumber}},
    {"card", TypeMask{CreditCard}},
    {"carta", TypeMask{ItIdentityCard}, Where::Whole},
    {"cdl", TypeMask{UsDriverLicense}, Where::Start},
    {"cell", TypeMask::of(PhoneNumber, PhMobileNumber)},
    {"cep", TypeMask{TrPhoneNumber}, Where::Whole},
    {"certificate", TypeMask{MedicalLicense}},
    {"check", TypeMask{UsBankNumber}},
    {"cms", TypeMask{UsMbi}, Where::Whole},
    {"codice", TypeMask{ItFiscalCode}},
    {"cp", TypeMask{PhMobileNumber}, Where::Whole},
    {"credit", TypeMask{CreditCard}},
    {"crypto", TypeMask{Crypto}},
    {"date", TypeMask{DateTime}},
    {"dea", TypeMask{MedicalLicense}, Where::Whole},
    {"debit", TypeMask{UsBankNumber}},
    {"delivery", TypeMask{UkPostcode}},
    {"diners", TypeMask{CreditCard}},
    {"discover", TypeMask{CreditCard}},
    {"dni", TypeMask{EsNif}, Where::Whole},
    {"document", TypeMask{UsPassport}},
    {"driver", TypeMask::of(UsDriverLicense, KrDriverLicense)},
    {"driving", TypeMask::of(UsDriverLicense, UkDrivingLicence)},
    {"dvla", TypeMask::of(UkDrivingLicence, UkVehicleRegistration)},
    {"email", TypeMask{EmailAddress}},
    {"epic", TypeMask{InVoter}, Where::Whole},
    {"ethernet", TypeMask{MacAddress}},
    {"fin", TypeMask{SgNricFin}, Where::Whole},
    {"fiscale", TypeMask{ItFiscalCode}},
    {"frn", TypeMask{KrFrn}, Where::Whole},
    {"fuehrerschein", TypeMask{DeFuehrerschein}},
    {"f\xC3\xBC"
     "hrerschein",
     TypeMask{DeFuehrerschein}},
    {"gsm", TypeMask{TrPhoneNumber}, Where::Whole},
    {"gst", TypeMask{InGstin}, Where::Start},
    {"handelsregister", TypeMask{DeHandelsregister}},
    {"henkil", TypeMask{FiPersonalIdentityCode}, Where::Start},
    {"hetu", TypeMask{FiPersonalIdentityCode}, Where::Whole},
    {"hicn", TypeMask{UsMbi}},
    {"hmpo", TypeMask{UkPassport}},
    {"iban", TypeMask{IbanCode}},
    {"identification", TypeMask{UsDriverLicense}},
    {"idnr", TypeMask{DeTaxId}, Where::Whole},
    {"individual", TypeMask{UsItin}},
    {"ip", TypeMask{IpAddress}, Where::Start},
    {"itin", TypeMask{UsItin}},
    {"jcb", TypeMask{CreditCard}},
    {"kennzeichen", TypeMask{DeKfz}},
    {"kfz", TypeMask{DeKfz}, Where::Start},
    {"kimlik", TypeMask{TrNationalId}},
    {"krankenkasse", TypeMask{DeHealthInsurance}},
    {"krankenversicher", TypeMask{DeHealthInsurance}},
    {"lanr", TypeMask{DeLanr}, Where::Whole},
    {"lic", TypeMask{UsDriverLicense}, Where::Start},
    {"licence", TypeMask{UkDrivingLicence}},
    {"link", TypeMask{Url}},
    {"mac", TypeMask{MacAddress}, Where::Whole},
    {"maestro", TypeMask{CreditCard}},
    {"mastercard", TypeMask{CreditCard}},
    {"mbi", TypeMask{UsMbi}, Where::Whole},
    {"medicaid", TypeMask{UsMbi}},
    {"medical", TypeMask{MedicalLicense}},
    {"medicare", TypeMask::of(UsMbi, AuMedicare)},
    {"mobile", TypeMask::of(PhoneNumber, PhMobileNumber)},
    {"nas", TypeMask{CaSin}, Where::Whole},
    {"nhs", TypeMask{UkNhs}},
    {"nie", TypeMask{EsNie}, Where::Whole},
    {"nif", TypeMask{EsNif}, Where::Whole},
    {"nin", TypeMask{NgNin}, Where::Whole},
    {"nino", TypeMask{UkNino}, Where::Whole},
    {"npi", TypeMask{UsNpi}, Where::Whole},
    {"nric", TypeMask{SgNricFin}},
    {"number", TypeMask{PhoneNumber}},
    {"organisationsnummer", TypeMask{SeOrganisationsnummer}},
    {"orgnr", TypeMask{SeOrganisationsnummer}},
    {"pan", TypeMask{InPan}, Where::Whole},
    {"partita", TypeMask{ItVatCode}},
    {"pasaporte", TypeMask{EsPassport}},
    {"passaporto", TypeMask{ItPassport}},
    {"passport", TypeMask::of(UsPassport, UkPassport, InPassport, EsPassport, ItPassport,
                              DePassport, KrPassport)},
    {"patente", TypeMask{ItDriverLicense}},
    {"payer", TypeMask{UsItin}},
    {"permit", TypeMask{UsDriverLicense}},
    {"personnummer", TypeMask{SePersonnummer}},
    {"pesel", TypeMask{PlPesel}},
    {"phone", TypeMask::of(PhoneNumber, TrPhoneNumber, PhMobileNumber)},
    {"piva", TypeMask{ItVatCode}},
    {"plaka", TypeMask{TrLicensePlate}},
    {"plate", TypeMask::of(UkVehicleRegistration, InVehicleRegistration, TrLicensePlate,
                           NgVehicleRegistration)},
    {"plz", TypeMask{DePlz}, Where::Whole},
    {"postcode", TypeMask::of(UkPostcode, DePlz)},
    {"postleitzahl", TypeMask{DePlz}},
    {"provider", TypeMask{UsNpi}},
    {"reg", TypeMask{UkVehicleRegistration}, Where::Whole},
    {"registergericht", TypeMask{DeHandelsregister}},
    {"registration", TypeMask::of(UkVehicleRegistration, InVehicleRegistration, TrLicensePlate,
                                  NgVehicleRegistration)},
    {"reisepass", TypeMask{DePassport}},
    {"rentenversicherung", TypeMask{DeSocialSecurity}},
    {"routing", TypeMask{AbaRoutingNumber}},
    {"rrn", TypeMask{KrRrn}, Where::Whole},
    {"rsa", TypeMask{ZaIdNumber}, Where::Whole},
    {"rto", TypeMask{InVehicleRegistration}, Where::Whole},
    {"save", TypeMask{UsBankNumber}},
    {"security", TypeMask{UsSsn}},
    {"sin", TypeMask{CaSin}, Where::Whole},
    {"social", TypeMask{UsSsn}},
    {"sozialversicherung", TypeMask{DeSocialSecurity}},
    {"ssid", TypeMask{UsSsn}},
    {"ssn", TypeMask{UsSsn}},
    {"states", TypeMask{UsPassport}},
    {"steuer", TypeMask::of(DeTaxId, DeTaxNumber)},
    {"tax", TypeMask{UsItin}, Where::Whole},
    {"taxpayer", TypeMask::of(UsItin, PhTin)},
    {"tckn", TypeMask{TrNationalId}, Where::Whole},
    {"telefon", TypeMask{TrPhoneNumber}},
    {"tfn", TypeMask{AuTfn}, Where::Whole},
    {"tin", TypeMask::of(UsItin, PhTin), Where::Whole},
    {"tnin", TypeMask{ThTnin}, Where::Whole},
    {"transaction", TypeMask{IbanCode}},
    {"travel", TypeMask{UsPassport}},
    {"uen", TypeMask{SgUen}, Where::Whole},
    {"uidai", TypeMask{InAadhaar}},
    {"umsatzsteuer", TypeMask{DeVatId}},
    {"united", TypeMask{UsPassport}},
    {"url", TypeMask{Url}, Where::Whole},
    {"ust", TypeMask{DeVatId}, Where::Whole},
    {"vat", TypeMask::of(ItVatCode, DeVatId), Where::Whole},
    {"vehicle", TypeMask::of(UkVehicleRegistration, InVehicleRegistration, NgVehicleRegistration)},
    {"versichertennummer", TypeMask{DeHealthInsurance}},
    {"visa", TypeMask{CreditCard}},
    {"voter", TypeMask{InVoter}},
    {"vrn", TypeMask{UkVehicleRegistration}, Where::Whole},
    {"wallet", TypeMask{Crypto}},
    {"website", TypeMask{Url}},
});
static_assert(std::is_sorted(kListed.begin(), kListed.end(),
                             [](const Listed& a, const Listed& b) { return a.word < b.word; }));

// First entry of kListed for each letter, and one past the last.
constexpr std::array<std::uint8_t, 27> make_index() {
  std::array<std::uint8_t, 27> index{};
  for (unsigned letter = 0; letter < 27; ++letter) {
    std::uint8_t n = 0;
    while (n < kListed.size() && kListed[n].word[0] < static_cast<char>('a' + letter)) ++n;
    index[letter] = n;
  }
  return index;
}
constexpr auto kIndex = make_index();

// Words that say something together only: one right after the other, but for stop words, or both in
// one ("taxNumber", "zip_code").
constexpr auto kParts = std::to_array<std::string_view>(
    {"account",  "address",        "african",  "assurance",    "authority",    "business",
     "card",     "citizen",        "code",     "commercial",   "company",      "document",
     "driving",  "entity",         "file",     "foreign",      "hardware",     "health",
     "id",       "identification", "identity", "insurance",    "licen",        "licence",
     "license",  "national",       "number",   "organisation", "organization", "permanent",
     "personal", "physical",       "plate",    "post",         "postal",       "provider",
     "register", "registration",   "resident", "security",     "service",      "social",
     "sociale",  "south",          "tax",      "travel",       "zip"});
static_assert(kParts.size() <= 64);

using Parts = std::uint64_t;  // a set of kParts
constexpr Parts part(std::string_view word) {
  return Parts{1} << (std::find(kParts.begin(), kParts.end(), word) - kParts.begin());
}

struct Phrase {
  Parts first, second;
  TypeMask types;
};
constexpr auto kPhrases = std::to_array<Phrase>({
    {part("hardware"), part("address"), TypeMask{MacAddress}},
    {part("physical"), part("address"), TypeMask{MacAddress}},
    {part("health"), part("service"), TypeMask{UkNhs}},
    {part("health"), part("authority"), TypeMask{UkNhs}},
    {part("insurance"), part("number"), TypeMask{UkNino}},
    {part("national"), part("insurance"), TypeMask{UkNino}},
    {part("post"), part("code"), TypeMask{UkPostcode}},
    {part("postal"), part("code"), TypeMask::of(UkPostcode, DePlz)},
    {part("zip"), part("code"), TypeMask{DePlz}},
    {part("business"), part("number"), TypeMask{AuAbn}},
    {part("company"), part("number"), TypeMask{AuAcn}},
    {part("file"), part("number"), TypeMask{AuTfn}},
    {part("social"), part("insurance"), TypeMask{CaSin}},
    {part("assurance"), part("sociale"), TypeMask{CaSin}},
    {part("permanent"), part("account"), TypeMask{InPan}},
    {part("entity"), part("number"), TypeMask{SgUen}},
    {part("national"), part("provider"), TypeMask{UsNpi}},
    {part("tax"), part("code"), TypeMask{ItFiscalCode}},
    {part("identity"), part("card"), TypeMask::of(ItIdentityCard, DeIdCard)},
    {part("identity"), part("code"), TypeMask{FiPersonalIdentityCode}},
    {part("identity"), part("number"),
     TypeMask::of(FiPersonalIdentityCode, SePersonnummer, TrNationalId, ZaIdNumber)},
    {part("personal"), part("number"), TypeMask{SePersonnummer}},
    {part("organisation"), part("number"), TypeMask{SeOrganisationsnummer}},
    {part("organization"), part("number"), TypeMask{SeOrganisationsnummer}},
    {part("tax"), part("number"), TypeMask{DeTaxNumber}},
    {part("social"), part("security"), TypeMask{DeSocialSecurity}},
    {part("health"), part("insurance"), TypeMask{DeHealthInsurance}},
    {part("commercial"), part("register"), TypeMask{DeHandelsregister}},
    {part("license"), part("plate"), TypeMask{DeKfz}},
    {part("licence"), part("plate"), TypeMask{DeKfz}},
    {part("driving"), part("licen"), TypeMask::of(DeFuehrerschein, ItDriverLicense)},
    {part("resident"), part("registration"), TypeMask{KrRrn}},
    {part("foreign"), part("registration"), TypeMask{KrFrn}},
    {part("business"), part("registration"), TypeMask{KrBrn}},
    {part("national"), part("id"), TypeMask::of(ThTnin, NgNin, ZaIdNumber)},
    {part("citizen"), part("id"), TypeMask{ThTnin}},
    {part("identification"), part("number"), TypeMask::of(ThTnin, NgNin, ZaIdNumber)},
    {part("south"), part("african"), TypeMask{ZaIdNumber}},
    {part("travel"), part("document"), TypeMask{UkPassport}},
});

constexpr auto kStopWords = std::to_array<std::string_view>({
    "a",     "about",  "all",  "also", "am",   "an",    "and",   "any",   "are",  "as",     "at",
    "be",    "been",   "but",  "by",   "can",  "did",   "do",    "does",  "for",  "from",   "get",
    "give",  "had",    "has",  "have", "he",   "her",   "here",  "his",   "how",  "i",      "if",
    "in",    "into",   "is",   "it",   "its",  "just",  "me",    "my",    "no",   "not",    "now",
    "of",    "on",     "one",  "only", "or",   "our",   "out",   "over",  "per",  "please", "s",
    "she",   "should", "so",   "some", "than", "that",  "the",   "their", "them", "then",   "there",
    "these", "they",   "this", "to",   "too",  "under", "up",    "us",    "used", "using",  "very",
    "was",   "we",     "well", "were", "what", "when",  "where", "which", "who",  "will",   "with",
    "would", "you",    "your",
});
static_assert(std::is_sorted(kStopWords.begin(), kStopWords.end()));

bool letter_at(std::string_view word, std::size_t p) {
  return p < word.size() && is_lower(word[p]);
}

bool counts_at(const Listed& listed, std::string_view word, std::size_t at) {
  if (!word.substr(at).starts_with(listed.word)) return false;
  if (listed.where == Where::Anywhere || (listed.where == Where::Start && at == 0)) return true;
  if (listed.where == Where::Start || (at > 0 && is_lower(word[at - 1]))) return false;
  const std::size_t end = at + listed.word.size();
  if (!letter_at(word, end)) return true;
  const std::string_view rest = word.substr(end);
  return rest == "number" || rest == "no" || rest == "id";
}

// The second letters of the listed words and parts that begin with each letter; bit 26 stands for
// what is no letter. Most places of most words are refused by it.
constexpr auto kSecondOf = [] {
  std::array<std::uint32_t, 26> seconds{};
  const auto add = [&seconds](std::string_view word) {
    const unsigned bit = is_lower(word[1]) ? static_cast<unsigned>(word[1] - 'a') : 26;
    seconds[static_cast<unsigned>(word[0] - 'a')] |= 1U << bit;
  };
  for (const Listed& listed : kListed) add(listed.word);
  for (const std::string_view part : kParts) add(part);
  return seconds;
}();

bool may_begin(std::string_view word, std::size_t at) {
  if (!is_lower(word[at]) || at + 1 >= word.size()) return false;
  const unsigned bit = letter_at(word, at + 1) ? static_cast<unsigned>(word[at + 1] - 'a') : 26;
  return (kSecondOf[static_cast<unsigned>(word[at] - 'a')] >> bit & 1) != 0;
}

TypeMask listed_at(std::string_view word, std::size_t at) {
  TypeMask types;
  const auto letter = static_cast<unsigned>(word[at] - 'a');
  for (unsigned n = kIndex[letter]; n < kIndex[letter + 1]; ++n) {
    if (counts_at(kListed[n], word, at)) types |= kListed[n].types;
  }
  return types;
}

// Bits of kParts by their first letter.
constexpr auto kPartsOf = [] {
  std::array<Parts, 26> parts{};
  for (std::size_t i = 0; i < kParts.size(); ++i) {
    parts[static_cast<unsigned>(kParts[i][0] - 'a')] |= Parts{1} << i;
  }
  return parts;
}();

// "id" has to be the whole word: it is in too many.
Parts parts_at(std::string_view word, std::size_t at) {
  Parts parts = 0;
  for (Parts left = kPartsOf[static_cast<unsigned>(word[at] - 'a')]; left != 0; left &= left - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(left));
    const bool whole = kParts[i].size() <= 3;
    if (whole ? word == kParts[i] : word.substr(at).starts_with(kParts[i])) {
      parts |= Parts{1} << i;
    }
  }
  return parts;
}

bool is_stop_word(std::string_view word) {
  return word.size() <= 6 && std::binary_search(kStopWords.begin(), kStopWords.end(), word);
}

}  // namespace

ContextWord context_word(std::string_view word) {
  ContextWord found{.types = {}, .parts = 0, .stop = is_stop_word(word)};
  for (std::size_t at = 0; at < word.size(); ++at) {
    if (!may_begin(word, at)) continue;
    found.types |= listed_at(word, at);
    found.parts |= parts_at(word, at);
  }
  return found;
}

namespace {
constexpr Parts kFirsts = [] {
  Parts parts = 0;
  for (const Phrase& phrase : kPhrases) parts |= phrase.first;
  return parts;
}();
}  // namespace

TypeMask phrases_of(std::uint64_t first, std::uint64_t second) {
  TypeMask types;
  if ((first & kFirsts) == 0) return types;
  for (const Phrase& phrase : kPhrases) {
    if ((first & phrase.first) != 0 && (second & phrase.second) != 0) types |= phrase.types;
  }
  return types;
}

TypeMask types_with_context() {
  TypeMask types;
  for (const Listed& listed : kListed) types |= listed.types;
  for (const Phrase& phrase : kPhrases) types |= phrase.types;
  return types;
}

}  // namespace capsem::detect
