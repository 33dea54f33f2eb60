#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/app/banner.h"
#include "server/app/version.h"

namespace capsem::app {
namespace {

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

}  // namespace
}  // namespace capsem::app
