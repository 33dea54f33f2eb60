// Control Zero's documents, as its documentation prints them and in their short form.
#include "core/policy/control_zero.h"

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

SourceFile from_disk(const std::string& name) {
  std::ifstream in("tests/corpus/policy/" + name);
  EXPECT_TRUE(in) << name;
  std::ostringstream text;
  text << in.rdbuf();
  return {name, text.str()};
}

Loaded load(std::vector<SourceFile> files) {
  return load_files(files);
}

std::vector<std::string> said(const Loaded& loaded) {
  std::vector<std::string> all;
  for (const Diagnostic& d : loaded.diagnostics) all.push_back(d.code + " " + to_string(d));
  return all;
}

// The one policy that all such documents become.
const AccessPolicy& policy_of(const Loaded& loaded) {
  return std::get<AccessPolicy>(loaded.documents.at(0).policies.at(0));
}

std::vector<std::string> rules_of(const Loaded& loaded) {
  std::istringstream in(test::text_of(loaded.documents.at(0).policies.at(0)));
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("  ")) lines.push_back(line.substr(2));
  }
  return lines;
}

TEST(ControlZero, TheDocumentationsAllowlistLoadsR71R74) {
  Loaded loaded = load({from_disk("allowlist.json")});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(loaded.enabled, ElementsAre("openai-model-governance"));
  EXPECT_THAT(
      rules_of(loaded),
      ElementsAre("match=0 default=BLOCK", "0 ALLOW [llm.generate] [model/gpt-4] when[] reason=",
                  "1 ALLOW [llm.generate] [model/gpt-3.5-turbo] when[] reason=",
                  "2 BLOCK [llm.generate] [model/gpt-4-turbo*] when[] reason=",
                  "3 ALLOW [embedding.generate] [model/text-embedding-3-small] when[] "
                  "reason="));
  EXPECT_EQ(to_string(policy_of(loaded).rules[3].origin), "allowlist.json:8:1");
  EXPECT_TRUE(Snapshot::freeze(std::move(loaded.documents), "sha256:x"));
}

TEST(ControlZero, ConditionsOfTheDocumentationAreGlobsR76) {
  const Loaded loaded = load({from_disk("agents.json")});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_EQ(policy_of(loaded).head.id, "agents") << "a document without a name has its file's";
  EXPECT_THAT(rules_of(loaded)[1], HasSubstr("when[agent_id glob[premium-*]]"));
  EXPECT_EQ(to_string(policy_of(loaded).rules[0].when[0].origin), "agents.json:7:17");
}

TEST(ControlZero, TheShortFormR78R80) {
  const Loaded loaded = load({from_disk("shorthand.yaml")});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(
      rules_of(loaded),
      ElementsAre("match=0 default=LOG", "0 BLOCK [github:delete_*] [*] when[] reason=never",
                  "1 BLOCK [llm:generate] [model/gpt-4-turbo*] when[] reason=too expensive",
                  "2 ALLOW [llm:call|embedding] [*] when[agent_id glob[premium-*|gold]] reason=",
                  "github CONFIRM [github:*] [*] when[] reason=",
                  "4 MONITOR [*] [*] when[] reason=", "5 ALLOW [secrets:read] [*] when[] reason="));
}

TEST(ControlZero, SeveralDocumentsFlattenByPriorityR75) {
  const auto document = [](std::string_view name, std::string_view rest) {
    return "{\"name\":\"" + std::string(name) + "\"," + std::string(rest) +
           "\"rules\":[{\"allow\":\"x\"},{\"id\":\"r\",\"deny\":\"y\"}]}";
  };
  const Loaded loaded = load({{"c.json", document("third", "")},
                              {"a.json", document("second", "\"priority\":100,")},
                              {"d.json", document("first", "\"priority\":-5,")},
                              {"b.yaml", document("last", "\"priority\":101,")}});
  EXPECT_THAT(said(loaded), IsEmpty());
  EXPECT_THAT(loaded.enabled, ElementsAre("control-zero"));
  std::vector<std::string> ids;
  for (const AccessRule& rule : policy_of(loaded).rules) ids.push_back(rule.id);
  EXPECT_THAT(ids, ElementsAre("first.0", "first.r", "second.0", "second.r", "third.0", "third.r",
                               "last.0", "last.r"));
  EXPECT_EQ(to_string(policy_of(loaded).rules[1].origin), "d.json:1:54");
}

TEST(ControlZero, TheFirstDocumentWithASettingDecidesR80) {
  const auto loaded =
      load({{"a.json", R"({"rules":[{"allow":"x"}]})"},
            {"b.json", R"({"priority":2,"settings":{"default_action":"deny"},"rules":[]})"},
            {"c.json",
             R"({"priority":1,"default_action":"warn","default_on_missing":"allow","rules":[]})"}});
  EXPECT_EQ(policy_of(loaded).default_effect, Verdict::Log);
  EXPECT_THAT(said(loaded),
              ElementsAre("W00 b.json:1:44: 'default_action' has no effect: the document that "
                          "comes first sets it at c.json:1:32",
                          HasSubstr("W00 c.json:1:60: 'default_on_missing' has no effect")));
}

TEST(ControlZero, WithoutRulesThePolicyObservesR80) {
  struct Case {
    std::string_view text;
    Verdict effect;
  };
  const Case cases[] = {
      {R"({"rules":[]})", Verdict::Monitor},
      {R"({"rules":[],"default_action":"deny"})", Verdict::Monitor},
      {R"({"rules":[],"default_on_empty":"deny"})", Verdict::Block},
      {R"({"rules":[],"settings":{"default_on_empty":"observe"}})", Verdict::Monitor},
      {R"({"deny":[],"default_on_empty":"allow"})", Verdict::Allow},
      {R"({"allow":"x","default_on_empty":"allow"})", Verdict::Block},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.text);
    const Loaded loaded = load({{"a.json", std::string(c.text)}});
    EXPECT_THAT(said(loaded), IsEmpty());
    EXPECT_EQ(policy_of(loaded).default_effect, c.effect);
  }
}

TEST(ControlZero, EffectsInEverySpellingR80) {
  const std::pair<std::string_view, Verdict> cases[] = {
      {"allow", Verdict::Allow},      {"deny", Verdict::Block},
      {"warn", Verdict::Log},         {"audit", Verdict::Monitor},
      {"approval", Verdict::Confirm}, {"require_approval", Verdict::Confirm},
  };
  for (const auto& [word, verdict] : cases) {
    SCOPED_TRACE(word);
    const std::string w(word);
    const Loaded loaded = load(
        {{"a.yml", "rules:\n  - effect: " + w + "\n    action: x\n  - " + w +
                       ": x\n  - {effect: " + w + ", action: x, conditions: null, reason: ~}\n"}});
    EXPECT_THAT(said(loaded), IsEmpty());
    ASSERT_EQ(policy_of(loaded).rules.size(), 3U);
    for (const AccessRule& rule : policy_of(loaded).rules) EXPECT_EQ(rule.effect, verdict);
  }
}

struct ErrorCase {
  std::string_view name, text, said;
};

TEST(ControlZero, ErrorsSayWhere) {
  const ErrorCase cases[] = {
      {"E01", "{\"rules\":[}", "E01 a.json:1:11: "},
      {"E01 tabs", "{\n\t\"rules\":[]\n}", "E01 a.json:2:1: a tab as indentation"},
      {"E02 document", R"({"rules":[],"prioritty":1})",
       "E02 a.json:1:13: unknown key 'prioritty' in the document (did you mean 'priority'?)"},
      {"E02 rule", R"({"rules":[{"effect":"deny","action":"x","resorce":"y"}]})",
       "E02 a.json:1:41: unknown key 'resorce' in the rule (did you mean 'resource'?)"},
      {"E02 settings", R"({"rules":[],"settings":{"default":"deny"}})",
       "E02 a.json:1:25: unknown key 'default' in 'settings'"},
      {"no effect", R"({"rules":[{"action":"x"}]})", "E03 a.json:1:11: the rule needs an effect"},
      {"two effects", R"({"rules":[{"effect":"deny","allow":"x"}]})",
       "E03 a.json:1:11: the rule has more than one effect"},
      {"no action", R"({"rules":[{"effect":"deny","resource":"x"}]})",
       "E03 a.json:1:11: the rule needs an 'action'"},
      {"action twice", R"({"rules":[{"deny":"x","action":"y"}]})",
       "E03 a.json:1:32: 'deny' already names the actions"},
      {"unknown effect", R"({"rules":[{"effect":"dney","action":"x"}]})",
       "E03 a.json:1:21: Unknown verdict: dney (did you mean 'deny'?)"},
      {"a resource for an action", R"({"rules":[{"allow":"model/gpt-4"}]})",
       "E03 a.json:1:20: 'model/gpt-4' is no action but a resource"},
      {"rules that are none", R"({"rules":{}})", "E03 a.json:1:10: 'rules' must be a list"},
      {"a rule that is none", R"({"rules":["x"]})", "E03 a.json:1:11: the rule must be a table"},
      {"a condition nobody evaluates (R76)",
       R"({"rules":[{"allow":"x","conditions":{"department":"y"}}]})",
       "E03 a.json:1:38: unknown field 'department'"},
      {"E04", R"({"rules":[{"deny":"x","resource":"[a"}]})", "E04 a.json:1:34: '[a'"},
      {"E05 ids", R"({"rules":[{"id":"a","deny":"x"},{"name":"a","deny":"y"}]})",
       "E05 a.json:1:33: a second rule 'a'; the first is at a.json:1:11"},
      {"E05 settings",
       R"({"rules":[],"default_action":"deny","settings":{"default_action":"warn"}})",
       "E05 a.json:1:66: 'default_action' is set twice"},
      {"E06", R"({"rules":[{"deny":"llm.generate","when":{"tool.name":"x"}}]})",
       "E06 a.json:1:42: 'tool.name' cannot be evaluated in an access rule"},
  };
  for (const ErrorCase& c : cases) {
    SCOPED_TRACE(c.name);
    const auto all = said(load({{"a.json", std::string(c.text)}}));
    ASSERT_EQ(all.size(), 1U) << testing::PrintToString(all);
    EXPECT_EQ(all[0].substr(0, c.said.size()), c.said);
  }
  const std::string text = R"({"name":"n","rules":[]})";
  EXPECT_THAT(said(load({{"a.json", text}, {"b.json", text}})),
              ElementsAre("E05 b.json:1:1: a second document 'n'; the first is a.json"));
}

}  // namespace
}  // namespace capsem::policy
