// Whatever a file was written in, its TOML says the same.
#include "core/policy/convert.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/policy/loader.h"
#include "tests/support/policy_text.h"

namespace capsem::policy {
namespace {

using testing::HasSubstr;
using testing::Not;

SourceFile from_disk(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return {path, text.str()};
}

std::string errors(const Loaded& loaded) {
  std::string out;
  for (const Diagnostic& d : loaded.diagnostics) {
    if (d.error) out += to_string(d) + "\n";
  }
  return out;
}

// Of each document: converted, loaded again, and compared field by field.
void expect_same(const std::vector<SourceFile>& files) {
  const Loaded loaded = read_files(files);
  ASSERT_EQ(errors(loaded), "");
  ASSERT_FALSE(loaded.documents.empty());
  for (const Document& document : loaded.documents) {
    const std::string toml = to_toml(document);
    const SourceFile file{"converted.toml", toml};
    const Loaded again = read_files({&file, 1});
    ASSERT_EQ(errors(again), "") << toml;
    ASSERT_EQ(again.documents.size(), 1U);
    EXPECT_EQ(test::text_of(again.documents[0]), test::text_of(document)) << toml;
    EXPECT_EQ(to_toml(again.documents[0]), toml);
  }
}

TEST(Convert, SaysTheSameInTomlWhateverTheDialect) {
  const std::string folder = "tests/corpus/policy/";
  const std::vector<std::vector<std::string>> cases = {
      {folder + "acme.toml"},
      {folder + "everything.toml"},
      {folder + "sekuire/sekuire.yml"},
      {folder + "sekuire/older/sekuire.yml"},
      {folder + "sekuire/agents/sekuire.yml"},
      {folder + "allowlist.json"},
      {folder + "agents.json"},
      {folder + "allowlist.json", folder + "agents.json", folder + "shorthand.yaml"},
      {"config/debug.toml", "config/pii.toml"},
      {"config/injection.toml", "config/secrets.toml"},
  };
  for (const auto& paths : cases) {
    SCOPED_TRACE(paths.front());
    std::vector<SourceFile> files;
    for (const std::string& path : paths) files.push_back(from_disk(path));
    expect_same(files);
  }
}

TEST(Convert, TextsOfEveryKindSurvive) {
  expect_same({{"a.json",
                "{\"name\":\"q\\\"u\\\\o\",\"rules\":[{\"id\":\"\\u00e9\",\"deny\":\"x\","
                "\"reason\":\"a\\nb\\tc\\u0001\\u007f\\u0000 # ' \\ud83d\\ude00\"}]}"}});
  expect_same({{"pii.toml",
                "check_prompts = false\ncheck_responses = false\ncheck_tool_args = false\n"
                "check_tool_responses = false\n[entity_decisions]\n"}});
  expect_same({{"secrets.toml",
                "score_threshold = 0.7\ncheck_tool_definitions = false\n[kind_decisions]\n"
                "private-key = 'BLOCK'\ndefault = 'LOG'\n"}});
  expect_same({{"injection.toml", "[kind_decisions]\ndefault = 'CONFIRM'\n"}});
  expect_same(
      {{"judge.toml",
        "schema = 1\n[[policy]]\nid = 'j'\ntype = 'judge'\nurl = 'http://[::1]:9/x?y=1'\n"
        "threshold = 0.25\ndeadline_ms = 70\naction = 'warn'\non = ['prompt', 'tool_args']\n"
        "on_error = 'allow'\noutput = 'log'\n"}});
  expect_same({{"pii.toml", "score_threshold = 0.1\n[entity_decisions]\nPERSON = 'REPLAN'\n"}});
}

TEST(Convert, WritesWhatPeopleWouldWrite) {
  const SourceFile file = from_disk("tests/corpus/policy/agents.json");
  const Loaded loaded = read_files({&file, 1});
  ASSERT_EQ(loaded.documents.size(), 1U);
  EXPECT_EQ(to_toml(loaded.documents[0]), R"(schema = 1
name = "agents"

[[policy]]
id = "agents"
type = "access"
default = "deny"

  [[policy.rule]]
  effect = "allow"
  action = "llm.generate"
  resource = "model/gpt-4"
  all = [{ field = "agent_id", op = "glob", value = "premium-*" }]

  [[policy.rule]]
  effect = "allow"
  action = "llm.generate"
  resource = "model/gpt-3.5-turbo"

  [[policy.rule]]
  effect = "deny"
  action = "llm.generate"
  resource = "model/*"
)");
}

TEST(Convert, JoinsDocumentsOfOnePriority) {
  const std::vector<SourceFile> files = {from_disk("config/debug.toml"),
                                         from_disk("config/pii.toml")};
  const Loaded loaded = read_files(files);
  const auto one = joined(loaded.documents);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->policies.size(), 2U);
  EXPECT_THAT(to_toml(*one), HasSubstr("name = \"PIIDetection\""));

  const std::vector<SourceFile> bands = {
      {"a.toml", "schema = 1\npriority = -10\n[engine]\ndeadline_ms = 9\n"},
      {"b.toml", "schema = 1\n[engine]\ndeadline_ms = 5\non_error = 'allow'\n"}};
  EXPECT_FALSE(joined(read_files(bands).documents));
  const std::vector<SourceFile> engines = {
      {"a.toml", "schema = 1\n[engine]\ndeadline_ms = 9\non_error = 'block'\n"}, bands[1]};
  const auto engine = joined(read_files(engines).documents);
  ASSERT_TRUE(engine);
  EXPECT_EQ(engine->engine.deadline_ms, 5U) << "the strictest counts";
  EXPECT_EQ(engine->engine.on_error, OnError::Block);
}

}  // namespace
}  // namespace capsem::policy
