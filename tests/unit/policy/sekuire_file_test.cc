// sekuire.yml as its documentation prints it, its older spelling, and several agents in one file.
#include "core/policy/sekuire_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/policy/loader.h"
#include "core/policy/snapshot.h"
#include "tests/support/policy_text.h"

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::string from_disk(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Loaded load_text(std::string text) {
  const SourceFile file{"sekuire.yml", std::move(text)};
  return load_files({&file, 1});
}

std::vector<std::string> said(const Loaded& loaded) {
  std::vector<std::string> all;
  for (const Diagnostic& d : loaded.diagnostics) all.push_back(d.code + " " + to_string(d));
  return all;
}

constexpr std::string_view kEverybody = "agents[] keys[] integrations[] models[]";

TEST(SekuireFile, TheDocumentationsFileLoadsR55R58R62R66) {
  Loaded loaded = load_text(from_disk("tests/corpus/policy/sekuire/sekuire.yml"));
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(loaded.enabled, ElementsAre("Research Assistant", "Research Assistant limits"));
  ASSERT_EQ(loaded.documents.size(), 1U);
  const Document& document = loaded.documents[0];
  EXPECT_EQ(document.name, "openai-agents-integration");
  EXPECT_EQ(test::text_of(document.policies[0]),
            "lists research-assistant name=Research Assistant priority=100 " +
                std::string(kEverybody) +
                " mode=0 state=1 output=0 scope=0 on=63\n"
                "  models allow[gpt-4o-mini|gpt-4o] deny[gpt-3.5-turbo] "
                "tools allow[web_search|files:read|calculator] deny[file_delete|env_set] "
                "network configured=true enabled=true tls=true "
                "allow[api.openai.com|*.wikipedia.org] deny[*.malware.net] on_tool_block=0");
  EXPECT_EQ(test::text_of(document.policies[1]),
            "limit research-assistant-limits name=Research Assistant limits priority=100 " +
                std::string(kEverybody) +
                " mode=0 state=1 output=0 scope=0 on=63\n"
                "  per=0 requests=10/0/0 tokens=0/0/0 concurrent=0 cost=0/0/0 withhold=true "
                "estimate=256");
  const auto& lists = std::get<ListsPolicy>(document.policies[0]);
  EXPECT_EQ(to_string(lists.models->deny[0].origin), "sekuire.yml:20:9");
  EXPECT_EQ(to_string(lists.tools->allow[1].origin), "sekuire.yml:24:15");
  EXPECT_EQ(to_string(lists.network->origin), "sekuire.yml:31:3");
  EXPECT_TRUE(Snapshot::freeze(std::move(loaded.documents), "sha256:x"));
}

TEST(SekuireFile, TheOlderSpellingSaysTheSameR65) {
  const Loaded loaded = load_text(from_disk("tests/corpus/policy/sekuire/older/sekuire.yml"));
  EXPECT_THAT(said(loaded),
              ElementsAre(HasSubstr("W00 sekuire.yml:22:3: 'filesystem' concerns the agent's own "
                                    "machine")));
  ASSERT_EQ(loaded.documents.at(0).policies.size(), 2U);
  EXPECT_THAT(test::text_of(loaded.documents[0].policies[0]),
              HasSubstr("network configured=true enabled=true tls=false "
                        "allow[*.googleapis.com|localhost] deny[]"));
  EXPECT_THAT(test::text_of(loaded.documents[0].policies[1]),
              HasSubstr("requests=60/500/0 tokens=50000/200000/0"));
}

TEST(SekuireFile, AgentsOfOneFileAreBoundByName) {
  const Loaded loaded = load_text(from_disk("tests/corpus/policy/sekuire/agents/sekuire.yml"));
  EXPECT_THAT(said(loaded), ElementsAre(HasSubstr("W00 sekuire.yml:5:3: these policies bind the "
                                                  "agents they name; others are not governed")));
  const auto& policies = loaded.documents.at(0).policies;
  ASSERT_EQ(policies.size(), 3U);
  EXPECT_THAT(head_of(policies[0]).bind.agents, ElementsAre("writer"));
  EXPECT_THAT(head_of(policies[1]).bind.agents, ElementsAre("reader", "Reader \\[beta]"));
  EXPECT_EQ(head_of(policies[2]).id, "reader-limits");
  // Permissions that say nothing of the network permit none (R66).
  EXPECT_FALSE(std::get<ListsPolicy>(policies[1]).network->configured);
  EXPECT_FALSE(std::get<ListsPolicy>(policies[0]).network.has_value());
}

TEST(SekuireFile, SectionsAtTheTopApplyToEverybodyBesideThoseOfAgents) {
  const Loaded loaded = load_text(
      "project: {name: reader}\nmodels: {blocked_models: [x]}\n"
      "agents:\n  reader:\n    models: {blocked_models: [y]}\n");
  EXPECT_THAT(said(loaded), IsEmpty());
  const auto& policies = loaded.documents.at(0).policies;
  ASSERT_EQ(policies.size(), 2U);
  EXPECT_THAT(head_of(policies[0]).bind.agents, IsEmpty());
  EXPECT_EQ(head_of(policies[0]).id, "reader");
  EXPECT_THAT(head_of(policies[1]).bind.agents, ElementsAre("reader"));
  EXPECT_EQ(head_of(policies[1]).id, "reader-agent");
}

TEST(SekuireFile, AgentsMayBeAList) {
  const Loaded loaded =
      load_text("agents:\n  - name: One Two\n    models: {blocked_models: [x]}\n");
  ASSERT_EQ(loaded.documents.at(0).policies.size(), 1U);
  EXPECT_EQ(head_of(loaded.documents[0].policies[0]).id, "one-two");
  EXPECT_THAT(head_of(loaded.documents[0].policies[0]).bind.agents, ElementsAre("One Two"));
}

TEST(SekuireFile, SectionsMayStandInEitherPlace) {
  const std::string sections =
      "{models: {blocked_models: [x]}, toolsets: {blocked_tools: [{name: t*}]}, "
      "network: {blocked_hosts: [h]}, rate_limits: {per_agent: {requests_per_minute: 1}}}";
  const Loaded top = load_text(sections);
  const Loaded agent = load_text("{agent: " + sections + "}");
  EXPECT_THAT(said(top), IsEmpty());
  EXPECT_THAT(said(agent), IsEmpty());
  EXPECT_EQ(test::text_of(top.documents.at(0)), test::text_of(agent.documents.at(0)));
  EXPECT_THAT(test::text_of(top.documents[0]), HasSubstr("tools allow[] deny[t*] network"));
}

struct ErrorCase {
  std::string_view name, text, said;
};

TEST(SekuireFile, ErrorsSayWhere) {
  const ErrorCase cases[] = {
      {"nothing (R69)", "agent:\n  name: x\n",
       "E03 sekuire.yml:1:1: No policy enforcer available. Ensure sekuire.yml has policy "
       "configuration."},
      {"agents without sections (R69)", "agents: {a: {llm: x}}\n",
       "E03 sekuire.yml:1:1: No policy"},
      {"a list", "- a\n", "E03 sekuire.yml:1:1: sekuire.yml must be a table"},
      {"a section's name", "modles: {}\n",
       "E02 sekuire.yml:1:1: unknown key 'modles' in sekuire.yml (did you mean 'models'?)"},
      {"a section's name under agent", "agent:\n  rate_limit: {}\n",
       "E02 sekuire.yml:2:3: unknown key 'rate_limit' in 'agent' (did you mean 'rate_limits'?)"},
      {"models", "models:\n  allow_models: [a]\n",
       "E02 sekuire.yml:2:3: unknown key 'allow_models' in 'models' (did you mean "
       "'allowed_models'"},
      {"tools", "toolsets:\n  blocked_tool: [a]\n",
       "E02 sekuire.yml:2:3: unknown key 'blocked_tool' in 'toolsets' (did you mean"},
      {"tools that are no list", "toolsets: {blocked_tools: a}\n",
       "E03 sekuire.yml:1:27: 'blocked_tools' must be a list of tools"},
      {"a tool without a name", "toolsets:\n  blocked_tools:\n    - description: x\n",
       "E03 sekuire.yml:3:7: the tool needs 'name'"},
      {"a tool's pattern", "toolsets:\n  blocked_tools: ['[a']\n", "E04 sekuire.yml:2:19: '[a'"},
      {"permissions", "permissions:\n  netwrok: {}\n",
       "E02 sekuire.yml:2:3: unknown key 'netwrok' in 'permissions' (did you mean 'network'?)"},
      {"yes is a word", "permissions:\n  network:\n    require_tls: yes\n",
       "E03 sekuire.yml:3:18: 'require_tls' must be true or false, and nothing else"},
      {"a host with a scheme", "permissions: {network: {allowed_domains: ['https://x.com']}}\n",
       "E03 sekuire.yml:1:43: 'https://x.com' is no host"},
      {"a limit that is no number", "rate_limits: {per_agent: {requests_per_minute: ten}}\n",
       "E03 sekuire.yml:1:48: 'requests_per_minute' must be a whole number from 1"},
      {"a limit of nothing", "rate_limits: {per_agent: {requests_per_minute: 0}}\n",
       "E03 sekuire.yml:1:48: "},
      {"no limit", "rate_limits: {}\n", "E03 sekuire.yml:1:14: 'rate_limits' limits nothing"},
      {"an unknown limit", "rate_limits: {per_agent: {request_per_minute: 1}}\n",
       "E02 sekuire.yml:1:27: unknown key 'request_per_minute' in 'per_agent' (did you mean"},
      {"the same limit in both spellings",
       "rate_limits:\n  per_agent: {requests_per_minute: 1}\n  requests: {max_per_minute: 2}\n",
       "E05 sekuire.yml:3:30: 'max_per_minute' says again"},
      {"the same section twice", "models: {}\nagent:\n  models: {}\n",
       "E05 sekuire.yml:3:3: 'models' stands at the top level and under 'agent'; keep one"},
      {"hosts twice", "network: {}\npermissions: {network: {}}\n",
       "E05 sekuire.yml:2:15: 'network' is set twice"},
      {"agent and agents", "agent: {models: {}}\nagents: {a: {models: {}}}\n",
       "E03 sekuire.yml:2:9: either 'agent' or 'agents', not both"},
      {"an agent without a name", "agents: [{models: {}}]\n",
       "E03 sekuire.yml:1:10: the agent needs a 'name'"},
  };
  for (const ErrorCase& c : cases) {
    SCOPED_TRACE(c.name);
    const auto all = said(load_text(std::string(c.text)));
    ASSERT_FALSE(all.empty());
    EXPECT_EQ(all[0].substr(0, c.said.size()), c.said);
  }
}

}  // namespace
}  // namespace capsem::policy
