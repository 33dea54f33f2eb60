// Secrets: found by shape, name or place; placeholders are not; the same however text is cut.
// Tokens are put together at run time: none stands in this file whole.
#include "core/detect/secrets.h"

#include <chrono>

#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

Catalog secret_catalog(float score_min = 0) {
  Catalog catalog;
  catalog.add(make_secret_detector(every_kind(secret_kinds(), catalog, score_min)));
  return catalog;
}

// Bytes of the alphabet as chance has them; the same for the same seed.
std::string random_of(std::string_view alphabet, std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string text;
  while (text.size() < size) text += alphabet[(random() >> 8) % alphabet.size()];
  return text;
}
constexpr std::string_view kAlnum =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string pem(std::string_view label) {
  return "-----BEGIN " + std::string(label) + "-----\n" + random_of(kAlnum, 64, 3) + "\n" +
         random_of(kAlnum, 64, 4) + "\n-----END " + std::string(label) + "-----\n";
}

struct Case {
  std::string before, secret, after, rule;
};

std::vector<Case> cases() {
  const std::string alnum36 = random_of(kAlnum, 36, 1), hex32 = random_of(kHexDigits, 32, 2);
  return {
      {"export GH=", "ghp" + ("_" + alnum36), "\n", "github-token"},
      {"id: ", "AKIA" + std::string("Q7RKX2MNP4JZT6WB"), " ok", "aws-access-key-id"},
      {"key \"", "sk-ant-" + ("api03-" + random_of(kAlnum, 93, 5)) + "AA", "\"",
       "anthropic-api-key"},
      {"", "sk-" + random_of(kAlnum, 20, 6) + "T3Blbk" + "FJ" + random_of(kAlnum, 20, 7), "",
       "openai-api-key"},
      {"(", "xoxb-" + ("123456789012-987654321098-" + random_of(kAlnum, 24, 8)), ")",
       "slack-token"},
      {"{\"k\":\"\\n", "glpat-" + random_of(kAlnum, 20, 9), "\"}", "gitlab-token"},
      {"postgres://app:", "s3cr3tPw9", "@db.internal/x", "database-url"},
      {"https://joe:", "hunter2x", "@example.org/", "url-password"},
      {"datadogToken := \"", hex32, "\"", "datadog-key"},
      {"db_password = \"", "Tr0ub4dor&3", "\"", "password"},
      {"Authorization: Basic ", "am9objpoMHBrMW5zMjE=", "\n", "basic-auth"},
      {"curl -u joe:", "h0pk1ns21", " https://x", "curl-credentials"},
      {"client_secret=", random_of(kAlnum, 32, 10), "\n", "generic-secret"},
      {"", random_of(kHexDigits, 32, 14) + ("-us" + std::string("14")), "", "mailchimp-key"},
      {"session ", "00D" + ("A1b2C3d4E5f6!" + random_of(kAlnum, 96, 15)), "", "salesforce-token"},
      {"id ", "pat-na1-" + std::string("4f0c9a12-77be-4d15-9c3e-0a1b8d6e5f42"), ",", "hubspot-key"},
      {"shodan_api_key=", "klmnopqrstuvwxyzabcdefgh" + std::string("12345678"), "\n", "shodan-key"},
      {"machine x.org login joe password ", "h0pk1ns21", "\n", "password"},
      {"Connect -User joe -Password ", "VMw4re1!", "\n", "password"},
      {"PASS = '", "`12QWERasdf", "'", "password"},
      {"-H \"X-Octopus-ApiKey: ", "3a16750d-d363-41a4-8ebd-035408f7730f", "\"", "generic-secret"},
  };
}

TEST(Secrets, FindingsSpanTheValueAndNameTheFamily) {
  const Catalog catalog = secret_catalog();
  for (const Case& c : cases()) {
    const auto found = block_scan(catalog, c.before + c.secret + c.after);
    ASSERT_EQ(found.size(), 1U) << c.before << c.secret << "\n" << show(catalog, found);
    EXPECT_EQ(catalog.rule_name(found[0].rule), c.rule);
    EXPECT_EQ(found[0].begin, c.before.size()) << c.rule;
    EXPECT_EQ(found[0].end, c.before.size() + c.secret.size()) << c.rule;
  }
}

TEST(Secrets, KindsAreUniqueAndScored) {
  const auto kinds = secret_kinds();
  EXPECT_GE(kinds.size(), 100U);
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    EXPECT_GT(kinds[i].score, 0);
    EXPECT_LE(kinds[i].score, 1);
    for (std::size_t k = 0; k < i; ++k) EXPECT_NE(kinds[i].name, kinds[k].name);
  }
}

TEST(Secrets, PrivateKeysGoOnOverTheirBlock) {
  const Catalog catalog = secret_catalog();
  const auto found = block_scan(catalog, "key:\n" + pem("RSA PRIVATE"
                                                        " KEY"));
  ASSERT_EQ(found.size(), 1U) << show(catalog, found);
  EXPECT_EQ(catalog.rule_name(found[0].rule), "private-key");
  EXPECT_EQ(found[0].begin, 5U);
  EXPECT_EQ(found[0].tail, Tail::PemBlock);
  EXPECT_TRUE(block_scan(catalog, pem("CERTIFICATE")).empty());
  EXPECT_TRUE(block_scan(catalog,
                         "-----BEGIN PRIVATE"
                         " KEY-----\nanything\n-----END")
                  .empty());
}

TEST(Secrets, LongTokensGoOn) {
  const Catalog catalog = secret_catalog();
  const auto found = block_scan(catalog, "hvb" + ("." + random_of(kAlnum, 2000, 11)));
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].tail, Tail::Token);
  EXPECT_LT(found[0].end, kLookAhead);
}

TEST(Secrets, PlaceholdersAreNone) {
  const Catalog catalog = secret_catalog();
  for (const std::string& text :
       {"ghp_" + std::string(36, 'x'), std::string("AKIAIOSFODNN7") + "EXAMPLE",
        std::string("password = \"${DB_PASSWORD}\""), std::string("api_key: <your-api-key>"),
        std::string("postgres://app:$PASS@db/x"), std::string("curl -u user:password http://x"),
        std::string("token = get_token(request1)"), std::string("\"password\": \"string\""),
        std::string("primary_key = \"a8f3Kq91LmZx77Pq\""), std::string("The quick brown fox."),
        // A JWT says how it is signed; a vendor's link is no key, nor is an id one.
        std::string("eyJ0eXAiOiAiVENWMiJ9") + ".RkNWLXdXS3M1RVBfencxM4A0WmJzdVlC.OGY1OWRkNGM",
        std::string("back to Facebook http://t.co/vxBO9uhr4s"),
        std::string("request_token: 3a16750d-d363-41a4-8ebd-035408f7730f")}) {
    EXPECT_EQ(show(catalog, block_scan(catalog, text)), "") << text;
  }
}

std::string everything() {
  std::string text = "A note on forecasts. ";
  for (const Case& c : cases()) text += c.before + c.secret + c.after + " and so on.\n";
  text += pem("PRIVATE"
              " KEY") +
          "password: \"token=" + random_of(kAlnum, 40, 12) + "\"\n";
  // Former bugs: of a label behind a word the dashes were let go before the rest had arrived, and
  // the rest was not looked at when the dashes could still have begun something else.
  text += "so" +
          pem("EC PRIVATE"
              " KEY") +
          "or--";
  return text + "hvb" + "." + random_of(kAlnum, 700, 13) + " The end";
}

TEST(Secrets, AreTheSameHoweverTextIsCut) {
  const Catalog catalog = secret_catalog();
  const std::string text = everything();
  const auto want = show(catalog, block_scan(catalog, text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), want) << cut;
  }
  for (std::size_t size : {1U, 2U, 3U, 7U, 16U, 64U, 200U}) {
    std::vector<std::size_t> cuts;
    for (std::size_t at = size; at < text.size(); at += size) cuts.push_back(at);
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text, cuts)), want) << size;
  }
}

// Former bug: an encoding that a cut went through had been looked at as it is before the view that
// undoes it opened.
TEST(Secrets, EncodingsThatACutGoesThroughAreUndone) {
  Catalog catalog;
  catalog.add(make_secret_detector(every_kind(secret_kinds(), catalog)), kFoldedView);
  const std::string label =
      "-----BEGIN RSA PRIVATE"
      " KEY-----";
  const std::string text = "see " + label + "c%3D" + random_of(kAlnum, 48, 16) + ", and so on";
  const auto want = show(catalog, block_scan(catalog, text));
  EXPECT_NE(want, "");
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), want) << cut;
  }
}

TEST(Secrets, NoFindingReachesOverNul) {
  const Catalog catalog = secret_catalog();
  std::string batch;
  std::vector<Finding> separate;
  for (const Case& c : cases()) {
    const std::string text = c.before + c.secret + c.after;
    for (auto f : block_scan(catalog, text)) {
      f.begin += batch.size();
      f.end += batch.size();
      separate.push_back(f);
    }
    batch += text + '\0';
  }
  EXPECT_EQ(show(catalog, block_scan(catalog, batch)), show(catalog, separate));
  EXPECT_EQ(block_scan(catalog, std::string("password = \0\"Tr0ub4dor&3\"", 25)).size(), 0U);
}

TEST(Secrets, PlainTextIsReleasedAtOnce) {
  const Catalog catalog = secret_catalog();
  CatalogScratch scratch(catalog);
  for (const std::string_view text : {"the weather is mil", "a password", "my api_key = ", "x: "}) {
    Lane lane(catalog, 1);
    std::vector<Finding> found;
    ASSERT_TRUE(lane.feed(text, scratch, found));
    EXPECT_EQ(lane.received(), lane.decided()) << text;
  }
}

// The bound is wide: quadratic work at this size would be past it a hundred times over.
TEST(Secrets, TimeGrowsWithTheTextOnly) {
  const Catalog catalog = secret_catalog();
  CatalogScratch scratch(catalog);
  for (const std::string_view unit : {"=", "a", "-", "sk-", "eyJ", "eyJ.", "ghp_ ", "://",
                                      "://a:", "password=", "key: ", "-----BEGIN ", "xoxb-1", "A1/",
                                      "curl -u a:", "token \"", "00000000-", "$", "dp.st.a"}) {
    std::string text;
    while (text.size() < (1U << 18)) text += unit;
    std::vector<Finding> found;
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(scan_all(catalog, 1, scratch, text, found));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20)) << unit;
  }
}

}  // namespace
}  // namespace capsem::detect
