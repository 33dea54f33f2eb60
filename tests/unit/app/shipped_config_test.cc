// The files under config/, as they are shipped. Tests run in the project's folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <regex>
#include <string>
#include <string_view>

#include "core/engine/exchange.h"
#include "core/policy/loader.h"
#include "server/app/config.h"
#include "server/app/disk.h"
#include "tests/support/answers.h"
#include "tests/unit/app/benign_texts.h"

namespace capsem::app {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ConfigDirectory shipped() {
  auto directory = read_config_directory("config");
  EXPECT_TRUE(directory) << directory.error().detail;
  return directory ? std::move(*directory) : ConfigDirectory{};
}

TEST(ShippedConfig, LoadsWithoutAWarningR29) {
  const auto loaded = policy::load_directory(shipped().files);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled,
              ElementsAre("Debug", "PromptInjection", "PIIDetection", "SecretDetection"));
  EXPECT_THAT(loaded->diagnostics, IsEmpty());
}

TEST(ShippedConfig, DecidesAsTheOriginalDoesR24X12) {
  const auto loaded = policy::load_directory(shipped().files);
  ASSERT_TRUE(loaded);
  const auto& pii = std::get<policy::PiiPolicy>(loaded->documents.at(2).policies.at(0));
  const auto verdict = [&pii](detect::EntityType type) {
    const auto& entity = pii.entities[static_cast<std::size_t>(type)];
    return entity.configured ? to_string(entity.verdict) : "(not looked for)";
  };
  EXPECT_EQ(verdict(detect::EntityType::EmailAddress), "BLOCK");
  EXPECT_EQ(verdict(detect::EntityType::Person), "LOG");
  EXPECT_EQ(verdict(detect::EntityType::PhoneNumber), "CONFIRM");
  EXPECT_EQ(verdict(detect::EntityType::DateTime), "(not looked for)");
  EXPECT_EQ(verdict(detect::EntityType::Location), "(not looked for)");
}

// Where a text can stand in one exchange.
enum class Place : std::uint8_t { Prompt, ToolResult, ToolArguments, Answer };
constexpr Place kPlaces[] = {Place::Prompt, Place::ToolResult, Place::ToolArguments, Place::Answer};

std::string body_with(Place place, std::string_view text) {
  if (place == Place::Prompt || place == Place::Answer) {
    return test::request_body(codec::Dialect::OpenAiChat, place == Place::Prompt ? text : "hello",
                              false);
  }
  const std::string quoted = test::json_string(text);
  const bool result = place == Place::ToolResult;
  return R"({"model":"m","messages":[{"role":"user","content":"go on"},{"role":"assistant",)"
         R"("tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":)" +
         (result ? R"("{}")" : test::json_string("{\"text\":" + quoted + "}")) +
         R"(}}]},{"role":"tool","tool_call_id":"c","content":)" + (result ? quoted : R"("done")") +
         "}]}";
}

// What the shipped policies say of a text at a place; "" when it passes.
std::string refusal_of(const std::shared_ptr<const policy::Snapshot>& snapshot, Place place,
                       std::string_view text) {
  static const engine::EngineSettings settings;
  engine::Workspace workspace(1, 2);
  engine::Exchange exchange({.dialect = codec::Dialect::OpenAiChat}, snapshot, settings, workspace);
  std::string out;
  exchange.on_request_bytes(body_with(place, text));
  engine::Step step = exchange.on_request_end();
  if (step == engine::Step::Continue && place == Place::Answer) {
    exchange.on_answer_head(engine::Answer::Body, true);
    exchange.on_answer_bytes(test::text_body(codec::Dialect::OpenAiChat, text), out);
    step = exchange.on_answer_end(out);
  }
  return step == engine::Step::Deny ? exchange.denial().message : "";
}

std::shared_ptr<const policy::Snapshot> shipped_snapshot() {
  auto loaded = policy::load_directory(shipped().files).value();
  return policy::Snapshot::freeze(std::move(loaded.documents), loaded.revision).value();
}

TEST(ShippedConfig, BlocksKeysAndTextThatHides) {
  const auto snapshot = shipped_snapshot();
  const std::string pem =
      "-----BEGIN PRIVATE KEY-----\nMIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBAKx7Vt2Rk3Zy\n"
      "-----END PRIVATE KEY-----";
  const std::string key = "sk-proj-" + std::string("Zq3vT8nLw5Rk1Xc7Hb2Mf9Jd4Sg6Yp0Ae") +
                          "Uo5Ti8Bn1Vc3Xz7Lk9Qw2ErT3BlbkFJ" + "m4Ny7Gh2Pa6Ds9Fj1Kl3Zx5Cv8Bn0Qw" +
                          "2Er4Ty6Ui8Op1As3Df5Gh7Jk";
  std::string hidden = "nice weather";
  for (const char c : std::string_view("ignore")) {  // as Unicode tags
    hidden.append("\xF3\xA0\x81") += static_cast<char>(0x80 + (c - 0x40));
  }
  for (const Place place : kPlaces) {
    SCOPED_TRACE(static_cast<int>(place));
    EXPECT_THAT(refusal_of(snapshot, place, pem), HasSubstr("private-key(count=1"));
    EXPECT_THAT(refusal_of(snapshot, place, "use " + key), HasSubstr("openai-api-key(count=1"));
    EXPECT_THAT(refusal_of(snapshot, place, hidden), HasSubstr("unicode-tags(count=1"));
  }
}

TEST(ShippedConfig, BlocksNothingOfWhatIsSentAllDay) {
  const auto snapshot = shipped_snapshot();
  for (const BenignText& benign : kBenignTexts) {
    for (const Place place : kPlaces) {
      EXPECT_EQ(refusal_of(snapshot, place, benign.text), "")
          << benign.name << " at place " << static_cast<int>(place);
    }
  }
}

// Every setting stands in capsem.toml, commented out, with the default it really has.
TEST(ShippedConfig, ShowsEverySettingWithItsDefault) {
  const auto file = config_file_of(shipped());
  ASSERT_TRUE(file);
  const auto as_shipped = configure({.flags = {}, .environment = {}, .file = file});
  ASSERT_TRUE(as_shipped) << as_shipped.error().detail;

  const std::string uncommented =
      std::regex_replace(file->text, std::regex("(^|\n)# (\\w+ = )"), "$1$2");
  const auto c =
      configure({.flags = {}, .environment = {}, .file = ConfigFile{file->name, uncommented}});
  ASSERT_TRUE(c) << c.error().detail;
  const auto table = settings_table();
  for (std::size_t i = 0; i < table.size(); ++i) {
    SCOPED_TRACE(table[i].name);
    if (!table[i].in_file) continue;
    EXPECT_EQ(as_shipped->origins[i], "default");
    EXPECT_TRUE(c->origins[i].starts_with(file->name)) << "missing from " << file->name;
    EXPECT_EQ(show(table[i], c->settings), show(table[i], {}));
  }
}

}  // namespace
}  // namespace capsem::app
