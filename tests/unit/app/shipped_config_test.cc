// The files under config/, as they are shipped. Tests run in the project's folder.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <string>

#include "core/policy/loader.h"
#include "server/app/config.h"
#include "server/app/disk.h"

namespace capsem::app {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ConfigDirectory shipped() {
  auto directory = read_config_directory("config");
  EXPECT_TRUE(directory) << directory.error().detail;
  return directory ? std::move(*directory) : ConfigDirectory{};
}

TEST(ShippedConfig, LoadsWithoutAWarningR29) {
  const auto loaded = policy::load_directory(shipped().files);
  ASSERT_TRUE(loaded) << loaded.error().detail;
  EXPECT_THAT(loaded->enabled, ElementsAre("Debug", "PIIDetection"));
  EXPECT_THAT(loaded->diagnostics, IsEmpty());
}

TEST(ShippedConfig, DecidesAsTheOriginalDoesR24X12) {
  const auto loaded = policy::load_directory(shipped().files);
  ASSERT_TRUE(loaded);
  const auto& pii = std::get<policy::PiiPolicy>(loaded->documents.at(1).policies.at(0));
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
