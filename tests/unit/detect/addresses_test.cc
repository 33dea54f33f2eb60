// MAC_ADDRESS and URL: what is one and what is not, however the text arrives. `want` lists
// "matched text|score".
#include <string>

#include "core/detect/entity.h"
#include "core/detect/tlds.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

struct Case {
  const char* name;
  std::string text;
  std::string want;
};

Catalog catalog_of(EntityType type) {
  Catalog catalog;
  const auto options = only(catalog, type);
  catalog.add(make_pii_detector(options));
  return catalog;
}

std::string found_in(std::string_view text, std::vector<Finding> found) {
  sort_findings(found);
  std::string out;
  for (const auto& f : found) {
    char score[16];
    std::snprintf(score, sizeof score, "|%.1f", static_cast<double>(f.score));
    if (!out.empty()) out += " ; ";
    out += std::string(text.substr(f.begin, f.end - f.begin)) + score;
  }
  return out;
}

// As one block, cut once at every place, and byte by byte.
void check(EntityType type, const std::vector<Case>& cases) {
  const Catalog catalog = catalog_of(type);
  for (const Case& c : cases) {
    EXPECT_EQ(found_in(c.text, block_scan(catalog, c.text)), c.want) << c.name;
    std::vector<std::size_t> every;
    for (std::size_t at = 1; at < c.text.size(); ++at) {
      every.push_back(at);
      ASSERT_EQ(found_in(c.text, scan_pieces(catalog, c.text, {at})), c.want) << c.name << at;
    }
    EXPECT_EQ(found_in(c.text, scan_pieces(catalog, c.text, every)), c.want) << c.name;
  }
}

TEST(MacAddress, SixPairsOrThreeFours) {
  check(EntityType::MacAddress,
        {{"colons", "eth0 at 3c:52:82:0A:1b:f0.", "3c:52:82:0A:1b:f0|0.6"},
         {"dashes, letters alone", "(AC-DE-EB-BA-CF-FA)", "AC-DE-EB-BA-CF-FA|0.6"},
         {"dotted fours", "arp 3c52.820a.1bf0 up", "3c52.820a.1bf0|0.6"},
         {"digits alone", "mac=10:20:30:40:50:60;", "10:20:30:40:50:60|0.6"},
         {"two", "3c:52:82:0a:1b:f0,3c-52-82-0a-1b-f1",
          "3c:52:82:0a:1b:f0|0.6 ; 3c-52-82-0a-1b-f1|0.6"},
         {"mixed signs", "3c:52:82-0a:1b:f0", ""},
         {"five pairs", "3c:52:82:0a:1b", ""},
         {"seven pairs", "3c:52:82:0a:1b:f0:01", ""},
         {"a fingerprint", "3c:52:82:0a:1b:f0:01:3c:52:82:0a:1b:f0:02:77:88", ""},
         {"no hexadecimal digits", "3g:52:82:0a:1b:f0", ""},
         {"inside a word", "x3c:52:82:0a:1b:f0", ""},
         {"nobody", "00:00:00:00:00:00", ""},
         {"everybody", "ff-ff-ff-FF-FF-FF", ""},
         {"a version", "1.22.333.4444", ""},
         {"a time", "12:30:45", ""}});
}

TEST(Url, WithAScheme) {
  check(EntityType::Url,
        {{"a host", "see https://example.org now", "https://example.org|0.6"},
         {"a path and a query", "http://a.example.org/x/y.html?q=1&r=[2]#top ok",
          "http://a.example.org/x/y.html?q=1&r=[2]#top|0.6"},
         {"a port", "wss://chat.example.org:8443/room", "wss://chat.example.org:8443/room|0.6"},
         {"a query without a path", "https://example.org?id=7", "https://example.org?id=7|0.6"},
         {"a sentence's end", "Try https://example.org/a, or https://example.net/b.",
          "https://example.org/a|0.6 ; https://example.net/b|0.6"},
         {"brackets around it", "[x](https://example.org/a_b)", "https://example.org/a_b|0.6"},
         {"a name and a password", "ftp://jane.doe:pw@files.example.org/x",
          "ftp://jane.doe:pw@files.example.org/x|0.6"},
         {"a name without a dot", "https://jane@files.example.org",
          "https://jane@files.example.org|0.6"},
         {"an IPv4 host", "http://192.0.2.7:8080/admin", "http://192.0.2.7:8080/admin|0.6"},
         {"a host of one's own network", "https://wiki.corp.internal/p",
          "https://wiki.corp.internal/p|0.6"},
         {"a top-level domain of many letters", "http://x.vlaanderen", "http://x.vlaanderen|0.6"},
         {"letters beyond ASCII", "https://example.org/K\xC3\xB6ln!",
          "https://example.org/K\xC3\xB6ln|0.6"},
         {"one inside another", "https://example.org/?u=https://example.net/x,www.example.com",
          "https://example.org/?u=https://example.net/x,www.example.com|0.6"},
         {"no such top-level domain", "https://example.notatld/x", ""},
         {"one label", "http://example/x", ""},
         {"no host", "https:///x.y", ""}});
}

TEST(Url, WithoutAScheme) {
  check(EntityType::Url, {{"a host", "on example.org today", "example.org|0.5"},
                          {"two labels of a country", "kiwi.co.nz", "kiwi.co.nz|0.5"},
                          {"a path", "go to www.example.org/login.", "www.example.org/login|0.5"},
                          {"a list", "a.com,b.org;c.net", "a.com|0.5 ; b.org|0.5 ; c.net|0.5"},
                          {"behind a number sign", "%J.::#mm%J.mm?&!", "J.mm?&|0.5"},
                          {"the form of a company", "Sato Co.Ltd. of Osaka", ""},
                          {"the name of a file", "run setup.py twice", "setup.py|0.3"},
                          {"the same with a path", "setup.py/x", "setup.py/x|0.5"},
                          {"no such top-level domain", "www.example", ""},
                          {"nothing but www before one", "www.com and www2.microsoft", ""},
                          {"a mailbox", "jane.doe.co@example.org", ""},
                          {"a path of files", "src/main.rs and ../lib.py", ""},
                          {"a call", "logger.info(text)", ""},
                          {"a member of a class", "java.net.Socket", ""},
                          {"no space after a sentence", "It ends.It goes on.In time.", ""},
                          {"numbers", "1.5 and 3.14.15 and v2.0", ""},
                          {"an abbreviation", "e.g. this, i.e. that", ""}});
}

TEST(Url, QuotesAroundItAreAPartUnlessTheyAreAValues) {
  check(EntityType::Url,
        {{"single", "open 'https://example.org/a'", "'https://example.org/a'|0.6"},
         {"double", "open \"https://example.org/a?b\" now", "\"https://example.org/a?b\"|0.6"},
         {"a value of JSON", "{\"u\": \"https://example.org/a\"}", "https://example.org/a|0.6"},
         {"an element", "[\n  \"https://example.org/a\"\n]", "https://example.org/a|0.6"},
         {"one quote only", "'https://example.org/a", "https://example.org/a|0.6"}});
}

TEST(Url, IsCutWhereItIsTooLong) {
  const Catalog catalog = catalog_of(EntityType::Url);
  const std::string text = "https://example.org/" + std::string(900, 'x') + " https://b.org/y";
  const auto found = block_scan(catalog, text);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_LE(found[0].end - found[0].begin, kLookAhead);
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    EXPECT_EQ(show(catalog, scan_pieces(catalog, text, random_cuts(random, text.size(), 60))),
              show(catalog, found));
  }
}

TEST(Tlds, AreThoseOfTheRootZone) {
  for (const std::string_view label : {"com", "DE", "webcam", "travelersinsurance"}) {
    EXPECT_TRUE(known_tld(label)) << label;
  }
  for (const std::string_view label : {"", "c", "html", "internal", "travelersinsurances"}) {
    EXPECT_FALSE(known_tld(label)) << label;
  }
  EXPECT_TRUE(private_suffix("Internal"));
  EXPECT_TRUE(ambiguous_tld("py"));
  EXPECT_FALSE(ambiguous_tld("com"));
}

}  // namespace
}  // namespace capsem::detect
