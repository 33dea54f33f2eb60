// National identifiers: one written form that is one, one that is not, for every type; and the same
// findings however the text is cut.
#include "core/detect/ids.h"

#include <gtest/gtest.h>

#include "core/detect/checksum.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect::testing {
namespace {
using enum EntityType;

struct IdCase {
  EntityType type;
  std::string_view text;
  float score;  // 0: nothing is found
};

// The whole text is the finding.
constexpr IdCase kCases[] = {
    {AbaRoutingNumber, "261070497", 1},
    {AbaRoutingNumber, "2610-7049-7", 1},
    {AbaRoutingNumber, "261070498", 0},
    {MedicalLicense, "BK4829151", 1},
    {MedicalLicense, "BK4829152", 0},
    {UsItin, "912-71-4480", 0.5F},
    {UsItin, "912714480", 0.3F},
    {UsItin, "912-714480", 0.05F},
    {UsItin, "912-69-4480", 0},
    {UsMbi, "4GH7-KM3-PQ92", 0.5F},
    {UsMbi, "4GH7KM3PQ92", 0.3F},
    {UsMbi, "4GH7-KM3-PS92", 0},
    {UsNpi, "1602345781", 1},
    {UsNpi, "1602-345-781", 1},
    {UsNpi, "1602345782", 0},
    {UkNhs, "715 204 8363", 1},
    {UkNhs, "715-204-8364", 0},
    {UkNino, "jr 48 20 19 c", 0.5F},
    {UkNino, "GB 48 20 19 C", 0},
    {UkNino, "JR 48 20 19 E", 0},
    {UkPassport, "LK7301846", 0.1F},
    {UkPassport, "LKM301846", 0},
    {UkPostcode, "M1 1AE", 0.1F},
    {UkPostcode, "gir 0aa", 0.1F},
    {UkPostcode, "Q1 1AE", 0},
    {UkDrivingLicence, "TAYLO803124AB9XY", 0.5F},
    {UkDrivingLicence, "LEE99 803124AB9XY", 0},
    {UkDrivingLicence, "TAYLO815124AB9XY", 0},
    {UkVehicleRegistration, "LK53 RTW", 1},
    {UkVehicleRegistration, "LK40 RTW", 0},
    {UkVehicleRegistration, "P62 KLM", 0.2F},
    {UkVehicleRegistration, "KLM 62P", 0.15F},
    {AuAbn, "73 044 918 265", 1},
    {AuAbn, "73044918266", 0},
    {AuAcn, "604 172 830", 1},
    {AuAcn, "604172831", 0},
    {AuTfn, "604172838", 1},
    {AuTfn, "604 172 839", 0},
    {AuMedicare, "3716 40285 2", 1},
    {AuMedicare, "3716 40284 2", 0},
    {CaSin, "518 230 461", 0.5F},
    {CaSin, "518230461", 0.05F},
    {CaSin, "518 230 462", 0},
    {InAadhaar, "5371 0948 2620", 1},
    {InAadhaar, "537109482621", 0},
    {InPan, "KLMPR4082T", 0.5F},
    {InPan, "KLMDR4082T", 0.1F},
    {InGstin, "29KLMPR4082T1ZK", 1},
    {InGstin, "38KLMPR4082T1ZK", 0},
    {InVoter, "KBM4082917", 0.4F},
    {InVoter, "KZM4082917", 0.3F},
    {InVoter, "KBM408291", 0},
    {InPassport, "K4082913", 0.1F},
    {InPassport, "K4082910", 0},
    {InVehicleRegistration, "MH12DE4082", 1},
    {InVehicleRegistration, "XX12DE4082", 0.5F},
    {InVehicleRegistration, "MH12DE0000", 0},
    {SgNricFin, "S7301846D", 0.5F},
    {SgNricFin, "K7301846D", 0.3F},
    {SgNricFin, "S730184D", 0},
    {SgUen, "41726305L", 1},
    {SgUen, "41726305M", 0},
    {EsNif, "40618273C", 1},
    {EsNif, "40618273-C", 1},
    {EsNif, "40618273D", 0},
    {EsNie, "X5071924X", 1},
    {EsNie, "X5071924A", 0},
    {EsPassport, "KLM730184", 0.05F},
    {ItFiscalCode, "KLMNPR73A01H501B", 1},
    {ItFiscalCode, "KLMNPR73A01H501C", 0.3F},
    {ItFiscalCode, "KLMNPR73F01H501B", 0},
    {ItVatCode, "02749183600", 1},
    {ItVatCode, "02749183601", 0},
    {ItDriverLicense, "KL7301846M", 0.2F},
    {ItIdentityCard, "KL 7301846", 0.01F},
    {ItPassport, "KL7301846", 0.01F},
    {PlPesel, "79031426503", 1},
    {PlPesel, "79031426504", 0},
    {FiPersonalIdentityCode, "170381-2456", 1},
    {FiPersonalIdentityCode, "170381-2457", 0},
    {SePersonnummer, "730518-4629", 1},
    {SePersonnummer, "197305184629", 1},
    {SePersonnummer, "730518-4628", 0},
    {SeOrganisationsnummer, "556204-8172", 1},
    {SeOrganisationsnummer, "556204-8173", 0},
    {DeTaxId, "48172036597", 1},
    {DeTaxId, "48172036598", 0},
    {DeTaxNumber, "0928150817031", 0.5F},
    {DeTaxNumber, "1728150817031", 0},
    {DeTaxNumber, "21/815/08150", 0.2F},
    {DeVatId, "DE 281 649 353", 1},
    {DeVatId, "DE281649354", 0.5F},
    {DeIdCard, "L7K2R90T9", 1},
    {DeIdCard, "L7K2R90T8", 0},
    {DeIdCard, "T73018465", 0.5F},
    {DePassport, "L7K2R90T9", 1},
    {DePassport, "L7K2R90T8", 0},
    {DeSocialSecurity, "52150783J476", 1},
    {DeSocialSecurity, "52150783J477", 0},
    {DeHealthInsurance, "B417263092", 1},
    {DeHealthInsurance, "B417263093", 0},
    {DeLanr, "417263805", 1},
    {DeLanr, "417263705", 0},
    {DeBsnr, "417263805", 0.2F},
    {DeBsnr, "000000000", 0},
    {DeHandelsregister, "HRB 73018", 0.5F},
    {DeHandelsregister, "HRC 73018", 0},
    {DeKfz, "hh km 730", 0.3F},
    {DeKfz, "HHKM730", 0},
    {DePlz, "20457", 0.05F},
    {DePlz, "00457", 0},
    {DeFuehrerschein, "KL73018465M", 0.35F},
    {KrRrn, "840229-1287341", 1},
    {KrRrn, "840229-1287342", 0.5F},
    {KrRrn, "841329-1287341", 0},
    {KrFrn, "840229-5287341", 0.5F},
    {KrBrn, "314-82-05176", 1},
    {KrBrn, "3148205177", 0},
    {KrDriverLicense, "13-07-482913-06", 1},
    {KrDriverLicense, "42-07-482913-06", 0},
    {KrPassport, "M730K1846", 0.1F},
    {KrPassport, "M73018465", 0.05F},
    {ThTnin, "3104802659176", 1},
    {ThTnin, "3104802659177", 0},
    {TrNationalId, "28461730540", 1},
    {TrNationalId, "28461730541", 0},
    {TrLicensePlate, "34 klm 730", 1},
    {TrLicensePlate, "84 KLM 730", 0},
    {TrPhoneNumber, "+90 532 730 18 46", 0.4F},
    {TrPhoneNumber, "0532 730 18 46", 0.4F},
    {TrPhoneNumber, "1532 730 18 46", 0},
    {NgNin, "48209157365", 1},
    {NgNin, "48209157366", 0},
    {NgVehicleRegistration, "klm 730de", 0.5F},
    {PhTin, "246-183-056", 0.05F},
    {PhTin, "246183057", 0},
    {PhMobileNumber, "0917 730 1846", 0.4F},
    {PhMobileNumber, "0817 730 1846", 0},
    {ZaIdNumber, "9103174823081", 1},
    {ZaIdNumber, "9103174823082", 0},
};

std::string expected(const IdCase& c, std::size_t at) {
  if (c.score == 0) return {};
  char text[96];
  std::snprintf(text, sizeof text, "%s %zu-%zu %.2f\n", std::string(to_string(c.type)).c_str(), at,
                at + c.text.size(), static_cast<double>(c.score));
  return text;
}

TEST(NationalIds, EachFormIsFoundAndEachWrongOneIsNot) {
  for (const IdCase& c : kCases) {
    Catalog catalog;
    catalog.add(make_pii_detector(only(catalog, c.type)));
    EXPECT_EQ(show(catalog, block_scan(catalog, c.text)), expected(c, 0)) << c.text;
    const std::string within = "the one, " + std::string(c.text) + "; no other";
    EXPECT_EQ(show(catalog, block_scan(catalog, within)), expected(c, 9)) << within;
  }
}

TEST(NationalIds, AWordCharacterOnEitherSideMakesItSomethingElse) {
  for (const IdCase& c : kCases) {
    if (c.score < 1 || c.type == FiPersonalIdentityCode || c.type == SePersonnummer) continue;
    Catalog catalog;
    catalog.add(make_pii_detector(only(catalog, c.type)));
    for (const std::string& text : {"_" + std::string(c.text), std::string(c.text) + "_"}) {
      EXPECT_EQ(show(catalog, block_scan(catalog, text)), "") << text;
    }
  }
}

TEST(NationalIds, SomeMayFollowAWordWithoutAGap) {
  Catalog catalog;
  catalog.add(make_pii_detector(only(catalog, FiPersonalIdentityCode)));
  EXPECT_EQ(show(catalog, block_scan(catalog, "hetu170381-2456")),
            "FI_PERSONAL_IDENTITY_CODE 4-15 1.00\n");
}

TEST(NationalIds, EveryCutGivesTheSameFindings) {
  for (const IdCase& c : kCases) {
    Catalog catalog;
    catalog.add(make_pii_detector(only(catalog, c.type)));
    const std::string text = "so it is " + std::string(c.text) + " or " + std::string(c.text);
    const std::string whole = show(catalog, block_scan(catalog, text));
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), whole) << text << " at " << cut;
    }
    std::vector<std::size_t> bytes(text.size() - 1);
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = i + 1;
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text, bytes)), whole) << text;
  }
}

TEST(Checksum, VerhoeffSeesEveryWrongDigitAndSwappedNeighbours) {
  const std::string right = "48209157365";
  EXPECT_TRUE(verhoeff_ok(right));
  for (std::size_t i = 0; i < right.size(); ++i) {
    for (char d = '0'; d <= '9'; ++d) {
      std::string wrong = right;
      wrong[i] = d;
      EXPECT_EQ(verhoeff_ok(wrong), d == right[i]) << wrong;
    }
    if (i == 0 || right[i] == right[i - 1]) continue;
    std::string swapped = right;
    std::swap(swapped[i], swapped[i - 1]);
    EXPECT_FALSE(verhoeff_ok(swapped)) << swapped;
  }
}

TEST(Shape, TakesWhatItCanAndGivesBack) {
  const Shape shape("9*7~8-?A");
  EXPECT_EQ(shape.fit("1234567K", 0).end, 8U);
  EXPECT_EQ(shape.fit("12345678-K,", 0).end, 10U);
  EXPECT_EQ(shape.fit("12345678-KK", 0).end, 0U);
  EXPECT_EQ(Shape("9*1~3[0-9]").fit("123", 0).end, 3U);
  EXPECT_TRUE(shape.fit("12345", 0).open);
  EXPECT_TRUE(shape.fit("1234567K", 0).open);  // a letter could still follow
  EXPECT_FALSE(shape.fit("12.", 0).open);
}

}  // namespace
}  // namespace capsem::detect::testing
