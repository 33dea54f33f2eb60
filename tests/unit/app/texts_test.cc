#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/app/banner.h"
#include "server/app/findings_text.h"
#include "server/app/version.h"

namespace capsem::app {
namespace {

using detect::EntityType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(Banner, SaysWhereItListensAndWhatActsR18) {
  const std::vector<std::string> enabled = {"Debug", "PIIDetection"};
  const std::vector<std::string> warnings = {"config/x.toml: unknown policy file, skipped"};
  proxy::Settings settings;
  settings.base_urls[0] = *proxy::parse_base_url("http://127.0.0.1:9/v1");
  const std::string text = banner(
      settings, {.port = 8000, .admin_port = 8001, .enabled = enabled, .warnings = warnings});
  for (const std::string_view line :
       {"CAPSEM Proxy 0.1.0\n", "Listening on http://127.0.0.1:8000\n",
        "Admin on http://127.0.0.1:8001\n",
        "OpenAI     http://127.0.0.1:8000/v1 -> http://127.0.0.1:9\n",
        "Gemini     http://127.0.0.1:8000 -> https://generativelanguage.googleapis.com\n",
        "Enabled Policies: 2\n  ✓ Debug\n  ✓ PIIDetection\n",
        "Warning: config/x.toml: unknown policy file, skipped\n"}) {
    EXPECT_THAT(text, HasSubstr(std::string(line)));
  }
}

TEST(Banner, NamesAnAddressThatClientsCanUse) {
  proxy::Settings settings;
  settings.host = "0.0.0.0";
  settings.tls_cert = settings.tls_key = "x.pem";
  const std::string text = banner(settings, {.port = 443, .enabled = {}, .warnings = {}});
  EXPECT_THAT(text, HasSubstr("Listening on https://0.0.0.0:443\n"));
  EXPECT_THAT(text, HasSubstr("https://127.0.0.1:443/v1"));
  EXPECT_THAT(text, Not(HasSubstr("Admin on")));
  settings.host = "::1";
  EXPECT_THAT(banner(settings, {.port = 1, .enabled = {}, .warnings = {}}),
              HasSubstr("https://[::1]:1/v1"));
}

TEST(Banner, WarnsOfKeysOnAnOpenNetwork) {
  proxy::Settings settings;
  EXPECT_THAT(exposure_warnings(settings), IsEmpty());
  settings.host = "0.0.0.0";
  settings.admin_host = "10.0.0.1";
  settings.base_urls[1] = *proxy::parse_base_url("http://llm.internal:8080");
  EXPECT_THAT(exposure_warnings(settings),
              ElementsAre(HasSubstr("0.0.0.0 is not a loopback address"),
                          HasSubstr("the admin listener on 10.0.0.1"),
                          HasSubstr("http://llm.internal:8080 has no TLS")));
  settings.tls_cert = settings.tls_key = "x";
  settings.admin_port = 0;
  EXPECT_EQ(exposure_warnings(settings).size(), 1U);
}

TEST(Version, NamesTheLibrariesInUse) {
  for (const std::string_view word : {"capsem 0.1.0\nrevision ", "\nbuild ", "\nOpenSSL 3.",
                                      "\nBoost 1.", "\nsimdjson ", "\ntoml++ "}) {
    EXPECT_THAT(version_text(), HasSubstr(std::string(word)));
  }
}

// "ä a@b.co and +1 555": the umlaut makes bytes and code points differ.
constexpr std::string_view kText = "\xC3\xA4 a@b.co and +1 555";

std::vector<TextFinding> two_findings() {
  return {{.type = EntityType::EmailAddress, .score = 1, .byte_begin = 3, .byte_end = 9},
          {.type = EntityType::PhoneNumber, .score = 0.4, .byte_begin = 14, .byte_end = 20}};
}

TEST(Findings, CountCodePointsAndBytes) {
  EXPECT_EQ(findings_json(kText, two_findings()),
            R"({"findings":[{"type":"EMAIL_ADDRESS","start":2,"end":8,"byte_start":3,)"
            R"("byte_end":9,"score":1.00,"rule":"EMAIL_ADDRESS"},{"type":"PHONE_NUMBER",)"
            R"("start":13,"end":19,"byte_start":14,"byte_end":20,"score":0.40,)"
            R"("rule":"PHONE_NUMBER"}]})");
  EXPECT_EQ(findings_json(kText, {}), R"({"findings":[]})");
}

TEST(Findings, AreMaskedByTheirType) {
  EXPECT_EQ(redact(kText, two_findings()), "\xC3\xA4 <EMAIL_ADDRESS> and <PHONE_NUMBER>");
  EXPECT_EQ(redact(kText, {}), kText);
}

TEST(Findings, ThatOverlapAreOneHole) {
  const std::vector<TextFinding> findings = {
      {.type = EntityType::UsSsn, .score = 1, .byte_begin = 2, .byte_end = 6},
      {.type = EntityType::PhoneNumber, .score = 1, .byte_begin = 4, .byte_end = 9},
      {.type = EntityType::Person, .score = 1, .byte_begin = 5, .byte_end = 6},
      {.type = EntityType::UsSsn, .score = 1, .byte_begin = 9, .byte_end = 11}};
  EXPECT_EQ(redact("0123456789abc", findings), "01<US_SSN><US_SSN>bc");
}

}  // namespace
}  // namespace capsem::app
