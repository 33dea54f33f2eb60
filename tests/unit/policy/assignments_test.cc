// Where policies act (R39), and what keys, quotas and stored provider keys add.
#include "core/policy/assignments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "core/policy/hearing.h"
#include "core/policy/rehearsal.h"
#include "core/policy/self_test.h"
#include "tests/unit/policy/helpers.h"

namespace capsem::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

using Snap = std::shared_ptr<const Snapshot>;

KeywordPolicy words(const std::string& id, const std::string& file = "config/p.toml") {
  KeywordPolicy policy;
  policy.head = test::head(id);
  policy.head.origin.file = file;
  policy.keywords = {"forbidden"};
  return policy;
}

Document document(std::vector<Policy> policies) {
  Document made;
  made.policies = std::move(policies);
  return made;
}

Snap freeze(std::vector<Document> documents, const Assignments& assignments = {}) {
  auto snapshot = Snapshot::freeze(std::move(documents), "r", assignments);
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

// The ids of policies in force, in their order.
std::vector<std::string> in_force(const Snap& snapshot, const Subject& subject) {
  std::vector<std::string> ids;
  snapshot->each_in_force(subject, [&](const Compiled& p) { ids.push_back(p.head->id); });
  return ids;
}

Subject on(std::string_view id, std::string_view name = "") {
  return {.agent = "a", .integration = name.empty() ? id : name, .integration_id = id};
}
const Subject kRoot{.agent = "a"};

TEST(Assignments, R39_WithoutABindingNothingActsOnAnIntegration) {
  KeywordPolicy own = words("own");
  own.head.bind.integrations = {"fin-*"};
  const Snap snapshot = freeze({document({words("plain"), own})});
  EXPECT_THAT(in_force(snapshot, kRoot), ElementsAre("plain"));
  EXPECT_THAT(in_force(snapshot, on("id-1")), IsEmpty());
  EXPECT_THAT(in_force(snapshot, on("id-1", "fin-1")), ElementsAre("own"));   // by its name
  EXPECT_THAT(in_force(snapshot, on("fin-7", "other")), ElementsAre("own"));  // or its id
}

TEST(Assignments, R39_BindingsOfEveryKind) {
  KeywordPolicy own = words("own");
  own.head.bind.integrations = {"fin-*"};
  struct Case {
    BoundPolicy row;
    std::vector<std::string> root, one, two;
  };
  const Case cases[] = {
      {{"plain", "int-1", ""}, {"plain"}, {"plain"}, {}},
      {{"own", "int-1", ""}, {"plain"}, {"own"}, {}},
      {{"own", "root", ""}, {"plain", "own"}, {}, {}},
      {{"plain", "root", ""}, {"plain"}, {}, {}},
      {{"plain", "*", ""}, {"plain"}, {"plain"}, {"plain"}},
      {{"own", "*", ""}, {"plain", "own"}, {"own"}, {"own"}},
      {{"*", "int-1", ""}, {"plain"}, {"plain", "own"}, {}},
      {{"p*", "int-2", ""}, {"plain"}, {}, {"plain"}},
      {{"missing", "*", ""}, {"plain"}, {}, {}},
  };
  for (const Case& c : cases) {
    Assignments assignments;
    assignments.bindings = {c.row};
    const Snap snapshot = freeze({document({words("plain"), own})}, assignments);
    const std::string name = c.row.policy + " -> " + c.row.target;
    EXPECT_EQ(in_force(snapshot, kRoot), c.root) << name;
    EXPECT_EQ(in_force(snapshot, on("int-1")), c.one) << name;
    EXPECT_EQ(in_force(snapshot, on("int-2")), c.two) << name;
  }
}

TEST(Assignments, R39_DraftAndDeprecatedDoNothingThoughBound) {
  for (const Lifecycle state : {Lifecycle::Draft, Lifecycle::Active, Lifecycle::Deprecated}) {
    KeywordPolicy policy = words("p");
    policy.head.state = state;
    Assignments assignments;
    assignments.bindings = {{"p", "*", ""}, {"p", "int-1", ""}, {"p", "root", ""}};
    const Snap snapshot = freeze({document({policy})}, assignments);
    const std::size_t expected = state == Lifecycle::Active ? 1 : 0;
    EXPECT_EQ(in_force(snapshot, on("int-1")).size(), expected);
    EXPECT_EQ(in_force(snapshot, kRoot).size(), expected);
  }
}

TEST(Assignments, WhatElseAPolicyIsBoundToHasToAgree) {
  KeywordPolicy policy = words("p");
  policy.head.bind.agents = {"sales-*"};
  policy.head.bind.models = {"gpt-*"};
  Assignments assignments;
  assignments.bindings = {{"p", "*", ""}};
  const Snap snapshot = freeze({document({policy})}, assignments);
  Subject subject = on("int-1");
  EXPECT_THAT(in_force(snapshot, subject), IsEmpty());
  subject.agent = "sales-1";
  EXPECT_THAT(in_force(snapshot, subject), IsEmpty());
  subject.model = "gpt-4";
  EXPECT_THAT(in_force(snapshot, subject), ElementsAre("p"));
}

TEST(Assignments, UploadedPoliciesActNowhereUntilBound) {
  Assignments assignments;
  assignments.uploaded = {{"uploaded/a.toml", "ten-a"}, {"uploaded/all.toml", "default"}};
  const std::vector<Document> documents = {
      document({words("directory"), words("of-a", "uploaded/a.toml"),
                words("of-all", "uploaded/all.toml")})};
  const Snap unbound = freeze(documents, assignments);
  EXPECT_THAT(in_force(unbound, kRoot), ElementsAre("directory"));
  EXPECT_THAT(in_force(unbound, on("int-1")), IsEmpty());

  // A tenant's glob means its own files, those of all, and the directory's.
  assignments.bindings = {{"*", "int-b", "ten-b"}, {"*", "int-a", "ten-a"}, {"of-*", "root", ""}};
  const Snap bound = freeze(documents, assignments);
  EXPECT_THAT(in_force(bound, on("int-b")), ElementsAre("directory", "of-all"));
  EXPECT_THAT(in_force(bound, on("int-a")), ElementsAre("directory", "of-a", "of-all"));
  EXPECT_THAT(in_force(bound, kRoot), ElementsAre("directory", "of-a", "of-all"));
}

TEST(Assignments, AnUploadedFileIsTestedAsIfItWereBound) {
  Assignments assignments;
  assignments.uploaded = {{"uploaded/a.toml", "default"}};
  Document uploaded = document({words("of-a", "uploaded/a.toml")});
  PolicyTest test;
  test.origin = {"uploaded/a.toml", 9, 1};
  test.prompt = "forbidden";
  test.verdict = "BLOCK";
  uploaded.tests.push_back(test);
  EXPECT_TRUE(self_test(freeze({uploaded}, assignments)));
  test.integration = "some";
  uploaded.tests.push_back(test);
  EXPECT_TRUE(self_test(freeze({uploaded}, assignments)));
  // A file of the directory has to say where it acts.
  EXPECT_FALSE(self_test(freeze({uploaded})));
}

TEST(Assignments, AKeyNamesPoliciesAndHasRestrictionsOfItsOwn) {
  Assignments assignments;
  assignments.keys = {{.key = "key-1", .tenant = "", .agents = {"sales-*"}, .policies = {"ex*"}}};
  ListsPolicy models;
  models.head = test::head("key/key-1/models");
  models.models = test::names({"gpt-4*"}, {});
  assignments.made.push_back({.policy = models, .key = "key-1", .targets = {}});
  const Snap snapshot = freeze({document({words("extra"), words("other")})}, assignments);

  Subject subject = on("int-1");
  EXPECT_THAT(in_force(snapshot, subject), IsEmpty());
  subject.key = "key-1";
  EXPECT_THAT(in_force(snapshot, subject), ElementsAre("extra", "key/key-1/models"));
  subject.key = "key-2";
  EXPECT_THAT(in_force(snapshot, subject), IsEmpty());

  using Standing = Snapshot::AgentStanding;
  EXPECT_EQ(snapshot->agent_standing("key-1", "sales-3"), Standing::Bound);
  EXPECT_EQ(snapshot->agent_standing("key-1", "hr-3"), Standing::Refused);
  EXPECT_EQ(snapshot->agent_standing("key-2", "hr-3"), Standing::Asserted);

  IdSource ids{1};
  for (const auto& [model, refused] : {std::pair{"gpt-4o", false}, std::pair{"o1", true}}) {
    Subject asked = on("int-1");
    asked.key = "key-1";
    asked.agent = "sales-3";
    asked.action = "llm.generate";
    asked.model = model;
    Hearing hearing(snapshot, ids);
    hearing.open(asked);
    std::vector<Decision> decisions;
    hearing.judge_subject(decisions);
    EXPECT_EQ(decisions.empty(), !refused) << model;
    EXPECT_TRUE(hearing.judged_by_files());
  }
}

TEST(Assignments, WithRestrictionsOfTheKeyAloneNoFileJudges) {
  Assignments assignments;
  LimitPolicy limit;
  limit.head = test::head("key/key-1/limits");
  limit.per = LimitPolicy::Per::Key;
  limit.requests_per_minute = 5;
  assignments.made.push_back({.policy = limit, .key = "key-1", .targets = {}});
  const Snap snapshot = freeze({document({words("plain")})}, assignments);
  IdSource ids{1};
  Subject asked = on("int-1");
  asked.key = "key-1";
  Hearing hearing(snapshot, ids);
  hearing.open(asked);
  EXPECT_EQ(hearing.limits().size(), 1u);
  EXPECT_FALSE(hearing.judged_by_files());
}

TEST(Assignments, R48_QuotasReachTheirIntegrationsAndTheRoot) {
  Assignments assignments;
  LimitPolicy limit;
  limit.head = test::head("tenant/default/quota");
  limit.per = LimitPolicy::Per::Everyone;
  limit.evaluations_per_month = 5;
  assignments.made.push_back({.policy = limit, .key = {}, .targets = {"int-1", "root"}});
  const Snap snapshot = freeze({document({words("plain")})}, assignments);
  EXPECT_THAT(in_force(snapshot, on("int-1")), ElementsAre("tenant/default/quota"));
  EXPECT_THAT(in_force(snapshot, on("int-2")), IsEmpty());
  EXPECT_THAT(in_force(snapshot, kRoot), ElementsAre("plain", "tenant/default/quota"));
}

TEST(Assignments, ACostLimitWithoutPricesClosesTheKey) {
  Assignments assignments;
  LimitPolicy limit;
  limit.head = test::head("key/key-1/limits");
  limit.cost_micros_per_day = 5;
  assignments.made.push_back({.policy = limit, .key = "key-1", .targets = {}});
  Document priced = document({words("plain")});
  Subject asked = on("int-1");
  asked.key = "key-1";
  asked.action = "llm.generate";
  asked.model = "gpt-4";
  IdSource ids{1};
  for (const bool with_prices : {false, true}) {
    if (with_prices) priced.prices.push_back({.model = "*", .input_micros = 1, .origin = {}});
    const Snap snapshot = freeze({priced}, assignments);
    Hearing hearing(snapshot, ids);
    hearing.open(asked);
    std::vector<Decision> decisions;
    hearing.judge_subject(decisions);
    EXPECT_EQ(decisions.size(), with_prices ? 0u : 1u);
    EXPECT_EQ(hearing.limits().size(), with_prices ? 1u : 0u);
  }
}

// Thousands of keys: a request meets its own key's rules and no other's.
TEST(Assignments, AThousandKeysAreAnIndexNotAList) {
  Assignments assignments;
  for (int i = 0; i < 5'000; ++i) {
    LimitPolicy limit;
    limit.head = test::head("key/" + std::to_string(i) + "/limits");
    limit.requests_per_minute = 5;
    assignments.made.push_back({.policy = limit, .key = std::to_string(i), .targets = {}});
  }
  const Snap snapshot = freeze({document({words("plain")})}, assignments);
  Subject asked = on("int-1");
  asked.key = "4321";
  EXPECT_THAT(in_force(snapshot, asked), ElementsAre("key/4321/limits"));
}

// ---- Stored keys --------------------------------------------------------------------------------

constexpr std::string_view kSecret = "sk-proj-0123456789abcdefghijklmnop";

Assignments with_own_key() {
  Assignments assignments;
  assignments.own_keys.push_back(
      std::make_shared<const OwnKey>(OwnKey{"openai-main", Secret(kSecret)}));
  return assignments;
}

Rehearsed play(const Snap& snapshot, const Scenario& scenario) {
  auto played = Rehearsal(snapshot).play(scenario);
  EXPECT_TRUE(played);
  return std::move(*played);
}

TEST(OwnKeyPolicy, BlocksEverywhereAndNamesTheNameAlone) {
  const Snap snapshot = freeze({document({words("plain")})}, with_own_key());
  const std::string text = "look: " + std::string(kSecret);
  struct Case {
    const char* details;
    std::function<void(Scenario&)> put;
  };
  const Case cases[] = {
      {"Stored key 'openai-main' detected in prompt", [&](Scenario& s) { s.prompt = text; }},
      {"Stored key 'openai-main' detected in tool response",
       [&](Scenario& s) { s.tool_result = text; }},
      {"Stored key 'openai-main' detected in tool arguments",
       [&](Scenario& s) { s.call = {"send", "{\"to\":\"" + text + "\"}"}; }},
      {"Stored key 'openai-main' detected in model response",
       [&](Scenario& s) { s.response = text; }},
  };
  for (const char* integration : {"", "int-1"}) {
    for (const Case& c : cases) {
      Scenario scenario;
      scenario.integration = integration;
      scenario.model = "gpt-4";
      c.put(scenario);
      const Rehearsed played = play(snapshot, scenario);
      EXPECT_EQ(played.verdict, Verdict::Block) << c.details << integration;
      EXPECT_EQ(played.decided_by(), "vault/openai-main");
      ASSERT_TRUE(played.decided);
      const Decision& decision = played.decisions[*played.decided];
      EXPECT_EQ(decision.details, c.details);
      EXPECT_EQ(decision.code, "stored_key");
      EXPECT_EQ(decision.reason, Reason::Leakage);
      for (const std::string& shown :
           {decision.details, decision.rule, decision.why, decision.at}) {
        EXPECT_EQ(shown.find("0123456789"), std::string::npos);
      }
    }
  }
}

TEST(OwnKeyPolicy, ItselfIsNoFilesAndWithoutKeysIsNotThere) {
  const Snap without = freeze({document({words("plain")})});
  EXPECT_EQ(without->catalog().size(), 1u);
  const Snap with = freeze({document({words("plain")})}, with_own_key());
  EXPECT_EQ(with->catalog().size(), 2u);
  EXPECT_TRUE(std::holds_alternative<OwnKeysPolicy>(*with->policies().back().source));
  EXPECT_TRUE(with->policies().back().made);
  IdSource ids{1};
  const Subject asked = on("int-1");
  Hearing hearing(with, ids);
  hearing.open(asked);
  EXPECT_FALSE(hearing.judged_by_files());
  EXPECT_TRUE(hearing.holds_answers_at(event::Point::ModelOutput));
}

}  // namespace
}  // namespace capsem::policy
