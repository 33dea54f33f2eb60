// What is and what is not an entity, one table per type. `want` lists "matched text|score".
#include "core/detect/entity.h"

#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

struct EntityCase {
  const char* name;
  std::string_view text;
  std::string_view want;
};

std::string found_in(const Catalog& catalog, std::string_view text) {
  auto found = block_scan(catalog, text);
  sort_findings(found);
  std::string out;
  for (const auto& f : found) {
    char score[16];
    std::snprintf(score, sizeof score, "|%.2f", static_cast<double>(f.score));
    if (!out.empty()) out += " ; ";
    out += std::string(text.substr(f.begin, f.end - f.begin)) + score;
  }
  return out;
}

template <std::size_t N>
void check(EntityType type, const EntityCase (&cases)[N], bool context = false) {
  Catalog catalog;
  const auto options = only(catalog, type, context);
  catalog.add(make_pii_detector(options));
  for (const auto& c : cases) EXPECT_EQ(found_in(catalog, c.text), c.want) << c.name;
}

TEST(R29CreditCard, PassesLuhnInTheLayoutsCardsAreWrittenIn) {
  constexpr EntityCase cases[] = {
      {"sixteen digits", "pay 4242424242424242 now", "4242424242424242|1.00"},
      {"groups of four with spaces", "4242 4242 4242 4242", "4242 4242 4242 4242|1.00"},
      {"groups of four with dashes", "(4242-4242-4242-4242)", "4242-4242-4242-4242|1.00"},
      {"American Express 4-6-5", "3782 822463 10005", "3782 822463 10005|1.00"},
      {"Diners 4-6-4", "3056 930902 5904", "3056 930902 5904|1.00"},
      {"Mastercard's 2-series", "2223003122003222", "2223003122003222|1.00"},
      {"JCB's fifteen digits", "213112345678904", "213112345678904|1.00"},
      {"twelve digits of Maestro", "501800000009", "501800000009|1.00"},
      {"nineteen digits", "6304000000000000000", "6304000000000000000|1.00"},
      {"inside JSON", "{\"n\":4242424242424242}", "4242424242424242|1.00"},
      {"a wrong check digit", "4242424242424243", ""},
      {"glued to a word", "x4242424242424242", ""},
      {"milliseconds since 1970", "1700000000007", ""},
      {"two separators", "4242--4242-4242-4242", ""},
  };
  check(EntityType::CreditCard, cases);
}

TEST(R29Crypto, HasAChecksum) {
  constexpr EntityCase cases[] = {
      {"pay to public key hash", "to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa.",
       "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa|1.00"},
      {"bech32", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
       "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4|1.00"},
      {"one letter changed", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", ""},
      {"a bech32 letter changed", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", ""},
      {"a hash", "3b4c1a7d5e6f708192a3b4c5d6e7f801", ""},
  };
  check(EntityType::Crypto, cases);
}

TEST(R29Email, IsScoredByItsTopLevelDomain) {
  constexpr EntityCase cases[] = {
      {"plain", "write to jane@example.org.", "jane@example.org|1.00"},
      {"tags and dots", "a.b+c@mail.example.co.uk", "a.b+c@mail.example.co.uk|1.00"},
      {"in angle brackets", "Jane <jane@example.org>", "jane@example.org|1.00"},
      {"in JSON", "{\"email\":\"test@gmail.com\"}", "test@gmail.com|1.00"},
      {"in a query", "?user=jane@example.org&x=1", "jane@example.org|1.00"},
      {"an unknown top-level domain", "jane@example.zzq", "jane@example.zzq|0.50"},
      {"the known domain before an odd tail", "jane@example.org.v2", "jane@example.org|1.00"},
      {"quotes around it", "'jane@example.org'", "jane@example.org|1.00"},
      {"letters beyond ASCII", "j\xC3\xB6rg@example.de", "j\xC3\xB6rg@example.de|1.00"},
      {"no domain", "an idea for an address @gmail.com", ""},
      {"no dot", "root@localhost", ""},
      {"a dot before the sign", "jane.@example.org", ""},
      {"a handle", "thanks @jane for this", ""},
      {"two", "a@b.com,c@d.net", "a@b.com|1.00 ; c@d.net|1.00"},
  };
  check(EntityType::EmailAddress, cases);
}

TEST(R29Iban, MatchesItsCountrysLayoutAndModulo) {
  constexpr EntityCase cases[] = {
      {"Germany", "IBAN DE89370400440532013000 please", "DE89370400440532013000|1.00"},
      {"Britain in groups", "GB82 WEST 1234 5698 7654 32", "GB82 WEST 1234 5698 7654 32|1.00"},
      {"Norway, the shortest", "NO9386011117947", "NO9386011117947|1.00"},
      {"a wrong check", "DE88370400440532013000", ""},
      {"a letter where digits belong", "DE8937040044053201300A", ""},
      {"too long", "DE893704004405320130001", ""},
      {"lower case", "de89370400440532013000", ""},
      {"no such country", "ZZ89370400440532013000", ""},
  };
  check(EntityType::IbanCode, cases);
}

TEST(R29IpAddress, ParsesWhole) {
  constexpr EntityCase cases[] = {
      {"version 4", "host 203.0.113.9 is up", "203.0.113.9|0.60"},
      {"with a network", "203.0.113.0/24", "203.0.113.0/24|0.60"},
      {"the end of a sentence", "It is 203.0.113.9.", "203.0.113.9|0.60"},
      {"version 6", "2001:db8::ff00:42:8329", "2001:db8::ff00:42:8329|0.60"},
      {"the unspecified address", "bind ::", "::|0.10"},
      {"a port after brackets", "[2001:db8::2]:443", "2001:db8::2|0.60"},
      {"an octet too large", "203.0.113.256", ""},
      {"a version", "v1.2.3.4-rc", ""},
      {"five parts hold one", "1.2.3.4.5", "1.2.3.4|0.60"},
      {"five parts, dialled", "04.47.64.53.88", ""},
      {"time of day", "at 12:30:45", ""},
      {"C++ names", "std::vector and a::Foo", ""},
      {"two compressions", "1::2::3", ""},
  };
  check(EntityType::IpAddress, cases);
}

TEST(R29PhoneNumber, IsValidInARegion) {
  constexpr EntityCase cases[] = {
      {"United States", "at (415) 555-0132 daily", "(415) 555-0132|0.40"},
      {"with the country", "+1 415-555-0132", "+1 415-555-0132|0.40"},
      {"Germany, international", "+49 30 901820", "+49 30 901820|0.40"},
      {"Britain, national", "020 7946 0958", "020 7946 0958|0.40"},
      {"France, national", "01 42 68 53 00", "01 42 68 53 00|0.40"},
      {"India, mobile", "9812345678", "9812345678|0.40"},
      {"glued to a word", "call415-555-0132", ""},
      {"an amount", "$4155550132", ""},
      {"a date", "2024-06-05", ""},
      {"a fraction", "41.55550132", ""},
      {"no such area", "(100) 555-0132", ""},
      {"the end of a card", "4012-8888-8888-1881", ""},
      {"the end of an account", "NL91 ABNA 0417 1643 00", ""},
      {"four octets", "145.206.54.39", ""},
      {"announced as another number", "passport number 048578771", ""},
  };
  check(EntityType::PhoneNumber, cases);
}

// Numbers that nobody could dial are telephone numbers where the text says so.
TEST(R29PhoneNumber, IsWhatIsAnnouncedAsOne) {
  constexpr EntityCase cases[] = {
      {"a label", "Fax: (568) 126-1004", "(568) 126-1004|0.65"},
      {"with an extension", "desk 491-333-0383x287, ask", "491-333-0383x287|0.65"},
      {"without its area", "please call me at 386 3694 today", "386 3694|0.65"},
      {"on the next line", "Phone:\n67 268 11 78\n", "67 268 11 78|0.65"},
      {"a short number", "call me at 10 30", ""},
      {"a date", "call me on 2024-06-05", ""},
      {"an address", "ring 203.0.113.9", ""},
      {"an amount", "call $126-1004", ""},
      {"another noun", "order number 126-1004", ""},
      {"a vague noun alone", "on mobile 250000 users", ""},
      {"a vague noun and a sign", "mobile: 97937910", "97937910|0.65"},
      {"a vague noun and groups", "mobile 97 937910", "97 937910|0.65"},
      {"a verb alone", "this can reach 250000 users", ""},
      {"a verb and what is called", "reach us at 26 148459", "26 148459|0.65"},
      {"a verb before a local number", "you can call 617 4281", "617 4281|0.65"},
      {"a verb before a sum", "we call 1250000 points a day", ""},
  };
  check(EntityType::PhoneNumber, cases, true);
}

TEST(R29UsSsn, HasGroupsAndSanity) {
  constexpr EntityCase cases[] = {
      {"dashes", "is 536-22-1234.", "536-22-1234|0.50"},
      {"spaces", "536 22 1234", "536 22 1234|0.50"},
      {"bare digits are weak", "536221234", "536221234|0.05"},
      {"mixed separators", "536-22 1234", ""},
      {"group 00", "536-00-1234", ""},
      {"serial 0000", "536-22-0000", ""},
      {"begins 666", "666-22-1234", ""},
      {"the wallet card's number", "078-05-1120", ""},
      {"all equal", "111-11-1111", ""},
  };
  check(EntityType::UsSsn, cases);
}

TEST(R29UsNumbers, RiseWithAPhraseDirectlyBefore) {
  constexpr EntityCase bank[] = {
      {"weak alone", "ref 123456789012", "123456789012|0.05"},
      {"a context word", "from the bank 123456789012", "123456789012|0.40"},
      {"account number", "account number: 123456789012", "123456789012|0.65"},
      {"a JSON key", "{\"account_number\": 123456789012}", "123456789012|0.65"},
      {"a camel key", "{\"accountNumber\":\"123456789012\"}", "123456789012|0.65"},
      {"seven digits", "account number 1234567", ""},
  };
  check(EntityType::UsBankNumber, bank, true);
  constexpr EntityCase passport[] = {
      {"nine digits", "912803456", "912803456|0.05"},
      {"letter and eight digits", "Z12803456", "Z12803456|0.10"},
      {"passport no.", "Passport No. 912803456", "912803456|0.65"},
      {"ten digits", "9128034567", ""},
  };
  check(EntityType::UsPassport, passport, true);
  constexpr EntityCase license[] = {
      {"letter and digits", "H12234567", "H12234567|0.30"},
      {"with context", "my driver license is H12234567", "H12234567|0.65"},
      {"digits only are weak", "12345678", "12345678|0.01"},
      {"license number", "Driver's license number 12345678", "12345678|0.65"},
      {"a word", "ABCDEFGH", ""},
  };
  check(EntityType::UsDriverLicense, license, true);
}

TEST(R29Context, RaisesAWeakScoreWithinFiveKeywords) {
  constexpr EntityCase cases[] = {
      {"directly", "call (415) 555-0132", "(415) 555-0132|0.75"},
      {"over stop words", "phone me at the (415) 555-0132", "(415) 555-0132|0.75"},
      {"a JSON key", "{\"cellphone\":\"(415) 555-0132\"}", "(415) 555-0132|0.75"},
      {"five keywords back", "phone red green blue white (415) 555-0132", "(415) 555-0132|0.75"},
      {"six keywords back", "phone red green blue white black (415) 555-0132",
       "(415) 555-0132|0.40"},
      {"after it", "(415) 555-0132 is my phone", "(415) 555-0132|0.40"},
  };
  check(EntityType::PhoneNumber, cases, true);
}

struct TypedCase {
  EntityType type;
  std::string_view text;
  std::string_view want;
};

TEST(Context, EveryWeakTypeHasWordsThatRaiseIt) {
  using enum EntityType;
  constexpr TypedCase cases[] = {
      {MacAddress, "the card's MAC 3c:52:82:0a:1b:f0", "3c:52:82:0a:1b:f0|0.95"},
      {MacAddress, "hardware address 3c:52:82:0a:1b:f0", "3c:52:82:0a:1b:f0|0.95"},
      {MacAddress, "address of the machine 3c:52:82:0a:1b:f0", "3c:52:82:0a:1b:f0|0.60"},
      {Url, "my website is example.org", "example.org|0.85"},
      {UsItin, "ITIN: 912714480", "912714480|0.65"},
      {UsMbi, "Medicare 4GH7KM3PQ92", "4GH7KM3PQ92|0.65"},
      {UkNino, "national insurance JR 48 20 19 C", "JR 48 20 19 C|0.85"},
      {UkNino, "nationalInsurance: JR482019C", "JR482019C|0.85"},
      {UkNino, "the nation's insurance JR482019C", "JR482019C|0.50"},
      {UkPassport, "passport no. LK7301846", "LK7301846|0.65"},
      {UkPostcode, "postcode M1 1AE", "M1 1AE|0.65"},
      {CaSin, "social insurance 130 692 544", "130 692 544|0.85"},
      {InPan, "PAN: BNZPM2501F", "BNZPM2501F|0.85"},
      {InPan, "the company BNZPM2501F", "BNZPM2501F|0.50"},
      {SgNricFin, "FIN G3300299L", "G3300299L|0.85"},
      {SgNricFin, "the final G3300299L", "G3300299L|0.50"},
      {ItFiscalCode, "codice fiscale: RSSMRA85T10A562A", "RSSMRA85T10A562A|0.65"},
      {DeKfz, "Kennzeichen B-XY 123", "B-XY 123|0.65"},
      {DePlz, "PLZ 10115", "10115|0.65"},
      {DeFuehrerschein, "F\xC3\xBChrerschein AB12345678X", "AB12345678X|0.70"},
      {KrPassport, "her passport M12345678", "M12345678|0.65"},
      {NgVehicleRegistration, "vehicle ABC-123DE", "ABC-123DE|0.85"},
      {ZaIdNumber, "no such number 8001015009087", "8001015009087|1.00"},
  };
  for (const TypedCase& c : cases) {
    Catalog catalog;
    const auto options = only(catalog, c.type, true);
    catalog.add(make_pii_detector(options));
    EXPECT_EQ(found_in(catalog, c.text), c.want) << c.text;
  }
}

TEST(R29DateTime, KnowsTheCommonForms) {
  constexpr EntityCase cases[] = {
      {"ISO 8601", "at 2024-03-15T14:30:00Z sharp", "2024-03-15T14:30:00Z|0.80"},
      {"day first", "on 21/05/2021", "21/05/2021|0.60"},
      {"month first with dots", "5.20.2021", "5.20.2021|0.60"},
      {"year first", "2021/05/20", "2021/05/20|0.60"},
      {"a month's name", "21-May-2024", "21-May-2024|0.60"},
      {"as a sentence has it", "on March 3rd, 2024.", "March 3rd, 2024|0.85"},
      {"day, month, year", "3 March 2024", "3 March 2024|0.85"},
      {"month and year", "since 05/2021", "05/2021|0.20"},
      {"a bare month after a preposition", "I moved in May", "May|0.85"},
      {"a modal verb", "You may 3 times", ""},
      {"a version", "release 1.2.34", ""},
      {"no such month", "45/45/2021", ""},
      {"a fraction", "3/4 cup", ""},
  };
  check(EntityType::DateTime, cases);
}

TEST(R29Person, IsFoundByNamesAndRules) {
  constexpr EntityCase cases[] = {
      {"first name and surname", "by Elie Bursztein today", "Elie Bursztein|0.85"},
      {"introduced", "My name is Elie - hello", "Elie|0.85"},
      {"an honorific", "Ask Mr. Mayers", "Mayers|0.85"},
      {"a middle initial", "Richard M. Nixon resigned", "Richard M. Nixon|0.85"},
      {"a particle", "Ludwig van Beethoven", "Ludwig van Beethoven|0.85"},
      {"a possessive", "John Smith's car", "John Smith|0.85"},
      {"a JSON value", "{\"name\":\"Xavier Quux\"}", "Xavier Quux|0.85"},
      {"two", "John Smith and Mary Jones", "John Smith|0.85 ; Mary Jones|0.85"},
      {"a sentence's first word", "However, it rains. Currently dry. Thanks!", ""},
      {"months and days", "In May and on Monday we met in April.", ""},
      {"products", "Ask Claude, Gemini or ChatGPT about Python.", ""},
      {"a city", "Currently in Paris: sunny, about 20 degrees.", ""},
      {"shouting", "READ THE MARK", ""},
      {"a heading", "Weather Forecast And Outlook", ""},
  };
  check(EntityType::Person, cases);
}

TEST(R29Location, IsFoundByNames) {
  constexpr EntityCase cases[] = {
      {"a city", "What's the weather in Paris?", "Paris|0.85"},
      {"two words", "from New York to San Francisco", "New York|0.85 ; San Francisco|0.85"},
      {"a country", "made in France.", "France|0.85"},
      {"a small town after a preposition", "a farm near Bamberg", "Bamberg|0.85"},
      {"a common word that is a town", "Reading is fun. Nice.", ""},
      {"part of a person's name", "Jack London wrote it", ""},
  };
  check(EntityType::Location, cases);
}

TEST(R29, NamesOfTypesAreTheOriginals) {
  for (std::size_t i = 0; i < kEntityTypeCount; ++i) {
    const auto type = static_cast<EntityType>(i);
    EXPECT_EQ(entity_type(to_string(type)), type);
  }
  EXPECT_EQ(entity_type("SHOE_SIZE"), std::nullopt);
  EXPECT_EQ(to_string(EntityType::CreditCard), "CREDIT_CARD");
  EXPECT_EQ(index_of(EntityType::DateTime), 12U);  // the original's 13 come first
}

TEST(EntityGroup, ACountrysOwnTypesByItsName) {
  const auto us = entity_group("us");
  ASSERT_TRUE(us);
  for (const EntityType type : {EntityType::UsSsn, EntityType::AbaRoutingNumber}) {
    EXPECT_TRUE(us->has(type)) << to_string(type);
  }
  EXPECT_FALSE(us->has(EntityType::UkNhs));
  EXPECT_FALSE(us->has(EntityType::EmailAddress));
  EXPECT_TRUE(entity_group("eu")->has(EntityType::DeKfz));
  EXPECT_FALSE(entity_group("eu")->has(EntityType::UkNino));
  EXPECT_TRUE(entity_group("default")->has(EntityType::UkNhs));
  EXPECT_FALSE(entity_group("default")->has(EntityType::UkNino));
  EXPECT_EQ(entity_group("xx"), std::nullopt);
  for (const std::string_view name : kEntityGroupNames) {
    ASSERT_TRUE(entity_group(name)) << name;
    EXPECT_FALSE(entity_group(name)->empty()) << name;
  }
}

TEST(TypeMask, HoldsTypesBeyondAWord) {
  constexpr TypeMask both = TypeMask::of(EntityType::CreditCard, EntityType::ZaIdNumber);
  EXPECT_TRUE(both.has(EntityType::CreditCard) && both.has(EntityType::ZaIdNumber));
  EXPECT_FALSE(both.has(EntityType::DeKfz));
  EXPECT_TRUE(both.meets(TypeMask{EntityType::ZaIdNumber}));
  EXPECT_FALSE(both.meets(TypeMask{EntityType::DeKfz}));
  EXPECT_TRUE((both & TypeMask{EntityType::DeKfz}).empty());
}

// S0's answer: suggestions for an address, and the person's name twice.
TEST(R29, CountsTheFoundingDemosAnswer) {
  Catalog catalog;
  const auto options = all_types(catalog, true, 0.5F);
  catalog.add(make_pii_detector(options));
  std::string text = "Here are some ideas, Elie:\n";
  for (int i = 0; i < 13; ++i) text += "- elie.idea" + std::to_string(i) + "@gmail.com\n";
  text += "If your name is Elie Bursztein, the first one fits well. Would you like more options?";
  int emails = 0, persons = 0;
  for (const auto& f : block_scan(catalog, text)) {
    if (catalog.rule_name(f.rule) == "EMAIL_ADDRESS") {
      ++emails;
      EXPECT_FLOAT_EQ(f.score, 1.0F);
    } else {
      EXPECT_EQ(catalog.rule_name(f.rule), "PERSON");
      EXPECT_FLOAT_EQ(f.score, 0.85F);
      ++persons;
    }
  }
  EXPECT_EQ(emails, 13);
  EXPECT_EQ(persons, 2);
}

}  // namespace
}  // namespace capsem::detect
