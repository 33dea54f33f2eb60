#include "server/app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace capsem::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

ConfigSources from_file(std::string text) {
  ConfigSources sources;
  sources.file = ConfigFile{"config/capsem.toml", std::move(text)};
  return sources;
}

std::string origin(const Configuration& c, std::string_view name) {
  return c.origins[static_cast<std::size_t>(find_setting(name) - settings_table().data())];
}

TEST(SettingsTable, EverySettingHasOneNameAndAValueOfItsOwn) {
  std::set<std::string_view> names;
  std::set<std::string> spellings;
  proxy::Settings settings;
  for (const Setting& setting : settings_table()) {
    SCOPED_TRACE(setting.name);
    EXPECT_TRUE(names.insert(setting.name).second);
    EXPECT_TRUE(spellings.insert(env_name(setting)).second);
    if (!setting.env.empty()) {
      EXPECT_TRUE(spellings.insert(std::string(setting.env)).second);
    }
    EXPECT_FALSE(setting.help.empty());
    EXPECT_EQ(std::count(setting.name.begin(), setting.name.end(), '.'), 1);
    EXPECT_FALSE(show(setting, settings).empty());
  }
}

// What is shown as TOML must read back as the same value; so every default is inside its range.
TEST(SettingsTable, TheEffectiveConfigurationReadsBackAsItself) {
  const auto defaults = configure({});
  ASSERT_TRUE(defaults) << defaults.error().detail;
  std::string text = print_effective(*defaults);
  const auto line = text.find("server.config_dir");  // cannot stand in a file
  text.erase(line, text.find('\n', line) - line);
  const auto again = configure(from_file(text));
  ASSERT_TRUE(again) << again.error().detail;
  for (const Setting& setting : settings_table()) {
    EXPECT_EQ(show(setting, again->settings), show(setting, defaults->settings)) << setting.name;
  }
}

TEST(Config, DefaultsAreTheDocumentedOnesR18) {
  const auto c = configure({});
  ASSERT_TRUE(c) << c.error().detail;
  const std::string shown = print_effective(*c);
  for (const std::string_view line :
       {"server.host = \"127.0.0.1\"  # default", "server.port = 8000  # default",
        "server.backlog = 2048  # default", "server.config_dir = \"config\"  # default",
        "upstream.openai_base_url = \"https://api.openai.com\"  # default",
        "streams.mode = \"inspect\"  # default", "errors.error_body = \"auto\"  # default"}) {
    EXPECT_THAT(shown, HasSubstr(std::string(line)));
  }
}

TEST(Config, FlagBeatsEnvironmentBeatsFile) {
  ConfigSources sources = from_file("[server]\nport = 1\nadmin_port = 2\nworkers = 3\n");
  sources.environment = {{"CAPSEM_SERVER__PORT", "11"}, {"CAPSEM_SERVER__ADMIN_PORT", "12"}};
  sources.flags = {{find_setting("server.port"), "--port", "21"}};
  const auto c = configure(sources);
  ASSERT_TRUE(c) << c.error().detail;
  EXPECT_EQ(c->settings.port, 21);
  EXPECT_EQ(c->settings.admin_port, 12);
  EXPECT_EQ(c->settings.workers, 3U);
  EXPECT_EQ(origin(*c, "server.port"), "flag --port");
  EXPECT_EQ(origin(*c, "server.admin_port"), "env CAPSEM_SERVER__ADMIN_PORT");
  EXPECT_EQ(origin(*c, "server.workers"), "config/capsem.toml:4:11");
  EXPECT_EQ(origin(*c, "server.host"), "default");
}

TEST(Config, TheOriginalsVariablesStayValidR18) {
  ConfigSources sources;
  sources.environment = {{"PROXY_HOST", "0.0.0.0"},     {"PROXY_PORT", "9"},
                         {"PROXY_WORKERS", "4"},        {"PROXY_LOG_LEVEL", "DEBUG"},
                         {"PROXY_ACCESS_LOG", "False"}, {"PROXY_LIMIT_CONCURRENCY", "7"},
                         {"PROXY_BACKLOG", "100"},      {"PROXY_CONFIG_DIR", "/etc/capsem"}};
  const auto c = configure(sources);
  ASSERT_TRUE(c) << c.error().detail;
  EXPECT_EQ(c->settings.host, "0.0.0.0");
  EXPECT_EQ(c->settings.port, 9);
  EXPECT_EQ(c->settings.workers, 4U);
  EXPECT_EQ(c->settings.log_level, "debug");
  EXPECT_FALSE(c->settings.access_log);
  EXPECT_EQ(c->settings.limit_concurrency, 7U);
  EXPECT_EQ(c->settings.backlog, 100U);
  EXPECT_EQ(c->settings.config_dir, "/etc/capsem");

  sources.environment.emplace_back("CAPSEM_SERVER__PORT", "10");
  EXPECT_EQ(configure(sources)->settings.port, 10);
}

TEST(Config, BaseUrlsComeFromTheirShortVariablesR8) {
  ConfigSources sources;
  sources.environment = {{"CAPSEM_OPENAI_BASE_URL", "http://127.0.0.1:9/v1"},
                         {"CAPSEM_GEMINI_BASE_URL", "http://[::1]:9"},
                         {"CAPSEM_ANTHROPIC_BASE_URL", "https://h/x"}};
  const auto c = configure(sources);
  ASSERT_TRUE(c) << c.error().detail;
  EXPECT_EQ(to_text(c->settings.base_urls[0]), "http://127.0.0.1:9");
  EXPECT_EQ(to_text(c->settings.base_urls[1]), "http://[::1]:9");
  EXPECT_EQ(to_text(c->settings.base_urls[2]), "https://h/x");
}

TEST(Config, EveryKindOfValueIsRead) {
  const auto c = configure(from_file(R"(
http.idle_ms = 5
[server]
access_log = false
allowed_hosts = ["a.example", "b.example"]
[upstream]
openai_base_url = "http://h:1"
[streams]
mode = "buffer"
[engine]
confirm = "allow"
allow_token_arrays = true
[errors]
error_body = "openai"
upstream_errors = "mask"
[routes]
unlisted = "relay"
)"));
  ASSERT_TRUE(c) << c.error().detail;
  EXPECT_EQ(c->settings.http.idle_ms, 5U);
  EXPECT_FALSE(c->settings.access_log);
  EXPECT_THAT(c->settings.allowed_hosts, ElementsAre("a.example", "b.example"));
  EXPECT_EQ(c->settings.base_urls[0].host, "h");
  EXPECT_EQ(c->settings.engine.stream_mode, engine::StreamMode::Buffer);
  EXPECT_TRUE(c->settings.engine.confirm_allows);
  EXPECT_TRUE(c->settings.engine.allow_token_arrays);
  EXPECT_EQ(c->settings.error_body, codec::ErrorBody::OpenAi);
  EXPECT_TRUE(c->settings.mask_upstream_errors);
  EXPECT_TRUE(c->settings.relay_unlisted);
}

TEST(Config, AListInTheEnvironmentIsSplitAtCommas) {
  ConfigSources sources;
  sources.environment = {{"CAPSEM_SERVER__ALLOWED_HOSTS", " a.example , b.example,"}};
  EXPECT_THAT(configure(sources)->settings.allowed_hosts, ElementsAre("a.example", "b.example"));
}

struct FileErrorCase {
  std::string_view text, message;
};

TEST(Config, AMistakeInTheFileSaysWhereAndWhatWasMeant) {
  const FileErrorCase cases[] = {
      {"[server]\nprot = 1\n", ":2:1: unknown key 'server.prot' (did you mean 'port'?)"},
      {"[sever]\nport = 1\n", ":1:2: unknown section 'sever' (did you mean 'server'?)"},
      {"[rules]\nfiles = []\n", ":1:2: unknown section 'rules'"},
      {"port = 1\n", ":1:1: unknown section 'port'"},
      {"server = 1\n", ":1:10: 'server' must be a table"},
      {"[server]\nport = \"8000\"\n", ":2:8: server.port must be a whole number from 0 to 65535"},
      {"[server]\nport = 65536\n", ":2:8: server.port must be a whole number from 0 to 65535"},
      {"[server]\nport = -1\n", ":2:8: server.port must be a whole number"},
      {"[server]\nport = 1.5\n", ":2:8: server.port has a value of a kind that no setting has"},
      {"[server]\naccess_log = 1\n", ":2:14: server.access_log must be true or false"},
      {"[server]\nhost = true\n", ":2:8: server.host must be a string"},
      {"[server]\nallowed_hosts = \"a\"\n",
       ":2:17: server.allowed_hosts must be a list of strings"},
      {"[server]\nallowed_hosts = [1]\n", ":2:18: server.allowed_hosts must be a list of strings"},
      {"[server]\nlog_level = \"loud\"\n",
       ":2:13: server.log_level must be one of: trace, debug, info, warning, error, critical, off"},
      {"[upstream]\nopenai_base_url = \"api.openai.com\"\n",
       ":2:19: upstream.openai_base_url must be a base URL: a base URL begins with http"},
      {"[http]\nidle_ms = 0\n", ":2:11: http.idle_ms must be a whole number from 1 to 86400000"},
      {"[server]\nconfig_dir = \"x\"\n", ":2:1: 'server.config_dir' cannot stand in this file"},
      {"[server\n", ":1:"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.text);
    const auto result = configure(from_file(std::string(c.text)));
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().detail, HasSubstr("config/capsem.toml" + std::string(c.message)));
  }
}

TEST(Config, AMistakeInAVariableOrFlagNamesIt) {
  ConfigSources sources;
  sources.environment = {{"PROXY_PORT", "http"}};
  EXPECT_EQ(configure(sources).error().detail,
            "env PROXY_PORT: server.port must be a whole number from 0 to 65535");
  sources.environment = {{"CAPSEM_SERVER__PROT", "1"}};
  EXPECT_EQ(configure(sources).error().detail,
            "environment: unknown variable CAPSEM_SERVER__PROT (did you mean "
            "'CAPSEM_SERVER__PORT'?)");
  sources.environment.clear();
  sources.flags = {{find_setting("server.access_log"), "--access-log", "maybe"}};
  EXPECT_EQ(configure(sources).error().detail,
            "flag --access-log: server.access_log must be true or false");
}

TEST(Config, AVariableThatIsAlmostOneOfOursIsWarnedOfR18) {
  ConfigSources sources;
  sources.environment = {{"CAPSEM_OPENAI_BASEURL", "http://h"}, {"CAPSEM_HOME_OF_SOMEBODY", "x"}};
  const auto c = configure(sources);
  ASSERT_TRUE(c);
  EXPECT_THAT(c->warnings, ElementsAre(HasSubstr("did you mean 'CAPSEM_OPENAI_BASE_URL'?")));
}

TEST(Config, SettingsThatContradictEachOtherAreRefused) {
  const FileErrorCase cases[] = {
      {"[server]\ntls_cert = \"a\"\n", "tls_cert and server.tls_key"},
      {"[upstream]\nwatermark_low = 9000\nwatermark_high = 8000\n", "watermark_low"},
      {"[http]\nheader_field_bytes_max = 40000\n", "header_field_bytes_max"},
      {"[server]\nport = 8001\n", "admin_port must differ"},
  };
  for (const auto& c : cases) {
    const auto result = configure(from_file(std::string(c.text)));
    ASSERT_FALSE(result) << c.text;
    EXPECT_THAT(result.error().detail, HasSubstr(std::string(c.message)));
  }
}

TEST(Config, APasswordInAUrlIsNeverRepeatedR9) {
  ConfigSources sources;
  sources.environment = {{"CAPSEM_OPENAI_BASE_URL", "https://user:hunter2@h"}};
  const auto result = configure(sources);
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().detail, Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace capsem::app
