// Which policies are in force for whom, and what they say together.
#include "core/policy/hearing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/policy/helpers.h"

namespace capsem::policy {
namespace {

using detect::EntityType;
using event::Phase;
using event::Point;
using test::access;
using test::content;
using test::content_rule;
using test::names;
using test::pii;
using test::rule;
using test::when;
using testing::ElementsAre;
using testing::IsEmpty;

using Snap = std::shared_ptr<const Snapshot>;

Snap freeze(std::vector<Policy> policies) {
  auto snapshot = Snapshot::freeze(std::move(policies), "r");
  EXPECT_TRUE(snapshot) << snapshot.error().detail;
  return *snapshot;
}

// A hearing with all that has to outlive it.
struct Court {
  explicit Court(const Snap& snapshot, const Subject& asked = {}, PinStore* pins = nullptr)
      : subject(asked), hearing(snapshot, ids, pins) {
    hearing.open(subject);
  }
  // "policy/rule VERDICT", with a mark on what is not enforced.
  std::vector<std::string> take() {
    std::vector<std::string> shown;
    for (const Decision& d : decisions) {
      shown.push_back(d.policy + "/" + d.rule + " " + std::string(to_string(d.verdict)) +
                      (d.shadow     ? " shadow"
                       : d.enforced ? ""
                                    : " unenforced"));
    }
    decisions.clear();
    return shown;
  }
  std::vector<std::string> of_subject() {
    hearing.judge_subject(decisions);
    return take();
  }
  std::vector<std::string> of_definition(std::string tool, std::string digest = "") {
    hearing.judge_definition(
        {.point = Point::ToolDefinition, .tool_name = std::move(tool), .digest = std::move(digest)},
        decisions);
    return take();
  }
  std::vector<std::string> of_call(std::string tool, std::string arguments, bool complete = true) {
    hearing.judge_call({.point = Point::ToolCall,
                        .phase = Phase::Response,
                        .tool_name = std::move(tool),
                        .arguments = std::move(arguments)},
                       complete, decisions);
    return take();
  }
  std::vector<std::string> of_text(std::string text, Phase phase = Phase::Request) {
    const Point point = phase == Phase::Request ? Point::Prompt : Point::ModelOutput;
    hearing.judge_content({.point = point, .phase = phase, .text = std::move(text)}, nullptr,
                          decisions);
    return take();
  }

  IdSource ids{1};
  Subject subject;
  Hearing hearing;
  std::vector<Decision> decisions;
};

ListsPolicy models_denied(std::string name, const char* model) {
  ListsPolicy policy;
  policy.head = test::head(std::move(name));
  policy.models = names({}, {model});
  return policy;
}

// ---- Bindings -----------------------------------------------------------------------------------

TEST(Hearing, APolicyIsInForceForThoseItIsBoundTo) {
  const Subject subject{.agent = "research-1",
                        .key = "k1",
                        .integration = "fin-1",
                        .action = "llm.generate",
                        .model = "gpt-4"};
  struct Case {
    const char* name;
    Binding bind;
    bool applies, applies_to_nobody;
  };
  for (const Case& c : {
           Case{"everybody", {}, true, true},
           {"agent", {{"research-*"}, {}, {}, {}}, true, false},
           {"any agent", {{"*"}, {}, {}, {}}, true, false},
           {"another agent", {{"sales-*"}, {}, {}, {}}, false, false},
           {"one of two agents", {{"sales-*", "research-1"}, {}, {}, {}}, true, false},
           {"key", {{}, {"k1"}, {}, {}}, true, false},
           {"another key", {{}, {"k2"}, {}, {}}, false, false},
           {"integration", {{}, {}, {"fin-*"}, {}}, true, false},
           {"another integration", {{}, {}, {"hr-*"}, {}}, false, false},
           {"model", {{}, {}, {}, {"gpt-*"}}, true, false},
           {"another model", {{}, {}, {}, {"claude*"}}, false, false},
           {"all four", {{"r*"}, {"k*"}, {"f*"}, {"g*"}}, true, false},
           {"three of four", {{"r*"}, {"k*"}, {"f*"}, {"x*"}}, false, false},
       }) {
    ListsPolicy policy = models_denied("l", "*");
    policy.head.bind = c.bind;
    const Snap snapshot = freeze({policy});
    // R39: on an integration nothing acts that does not name it.
    Subject asking = subject;
    if (c.bind.integrations.empty()) asking.integration = {};
    EXPECT_EQ(Court(snapshot, asking).of_subject().size(), c.applies ? 1u : 0u) << c.name;
    EXPECT_EQ(Court(snapshot, {}).of_subject().size(), c.applies_to_nobody ? 1u : 0u) << c.name;
  }
}

TEST(Hearing, DraftAndDeprecatedPoliciesDoNothingR39) {
  for (const Lifecycle state : {Lifecycle::Draft, Lifecycle::Active, Lifecycle::Deprecated}) {
    ListsPolicy policy = models_denied("l", "*");
    policy.head.state = state;
    EXPECT_EQ(Court(freeze({policy})).of_subject().size(), state == Lifecycle::Active ? 1u : 0u);
  }
}

TEST(Snapshot, PoliciesComeInTheirOrderWhoeverTheyAreBoundTo) {
  std::mt19937 random(6);
  const std::vector<std::string> globs = {"*", "a*", "*b", "ab", "a?", "c"};
  for (int round = 0; round < 200; ++round) {
    std::vector<Policy> policies;
    for (std::size_t i = 0; i < random() % 12; ++i) {
      ListsPolicy policy = models_denied(std::to_string(i), "*");
      // Several globs of one policy may match the same agent.
      for (std::size_t n = random() % 4; n > 0; --n) {
        policy.head.bind.agents.push_back(globs[random() % globs.size()]);
      }
      policies.push_back(policy);
    }
    const Snap snapshot = freeze(policies);
    for (const char* agent : {"ab", "a", "b", "c", "x", ""}) {
      std::vector<std::string> expected, got;
      for (const Compiled& policy : snapshot->policies()) {
        const auto list = GlobList::compile(policy.head->bind.agents);
        if (list->empty() || list->any_matches(agent)) expected.push_back(policy.head->name);
      }
      snapshot->each_for_agent(agent, [&](const Compiled& p) { got.push_back(p.head->name); });
      ASSERT_EQ(got, expected) << agent;
    }
  }
}

// ---- Between documents --------------------------------------------------------------------------

TEST(Hearing, EveryPolicyIsAskedAndShadowNeverEnforced_X4_X9) {
  AccessPolicy allows = access({rule("yes", Verdict::Allow, {"*"}, {"*"})});
  AccessPolicy shadow = access({});
  shadow.head = test::head("shadow");
  shadow.head.mode = Mode::Shadow;
  AccessPolicy mild = access({});
  mild.head = test::head("mild");
  mild.head.enforcement = Verdict::Log;
  Court court(freeze({allows, shadow, models_denied("lists", "gpt-4"), mild}),
              {.action = "llm.generate", .model = "gpt-4"});
  EXPECT_THAT(court.of_subject(), ElementsAre("shadow/default BLOCK shadow",
                                              "lists/model_blocked BLOCK", "mild/default LOG"));
}

TEST(Hearing, AnEnforcementCapsAndNeverRaises) {
  for (const Verdict cap : {Verdict::Monitor, Verdict::Log, Verdict::Confirm, Verdict::Block}) {
    for (const Verdict action :
         {Verdict::Monitor, Verdict::Log, Verdict::Confirm, Verdict::Block}) {
      ContentPolicy policy =
          content({content_rule("r", {when(Field::Content, Op::Exists, {})})}, action);
      policy.head.enforcement = cap;
      Court court(freeze({policy}));
      court.hearing.judge_content({.point = Point::Prompt, .text = "x"}, nullptr, court.decisions);
      ASSERT_EQ(court.decisions.size(), 1u);
      EXPECT_EQ(court.decisions[0].verdict, strictness(action) > strictness(cap) ? cap : action);
    }
  }
}

TEST(Hearing, OutputLogIsAboutAnswersAlone_X3) {
  ContentPolicy policy = content({content_rule("r", {when(Field::Content, Op::Exists, {})})});
  policy.head.output = Output::Log;
  Court court(freeze({policy}));
  EXPECT_THAT(court.of_text("x"), ElementsAre("content/r BLOCK"));
  EXPECT_THAT(court.of_text("x", Phase::Response), ElementsAre("content/r BLOCK unenforced"));
  EXPECT_FALSE(court.hearing.needs_whole_answer());
  EXPECT_TRUE(court.hearing.judges_answers());
}

TEST(Hearing, WithoutAModelThereIsNothingToAllowR79) {
  Court court(freeze({access({rule("all", Verdict::Allow, {"*"}, {"*"})})}),
              {.action = "llm.generate"});
  court.hearing.judge_subject(court.decisions);
  ASSERT_EQ(court.decisions.size(), 1u);
  EXPECT_EQ(court.decisions[0].reason_code, "NO_RULE_MATCH");
  EXPECT_EQ(court.decisions[0].details,
            "Action llm.generate on model/ denied by default deny of 'access'");
}

TEST(Hearing, ARefusalNamesTheRuleR73) {
  AccessRule deny = rule("rest", Verdict::Block, {"*"}, {"model/*"});
  deny.reason = "ask #ai-platform";
  Court court(freeze({access({deny})}), {.action = "llm:call", .model = "gpt-4"});
  court.hearing.judge_subject(court.decisions);
  ASSERT_EQ(court.decisions.size(), 1u);
  const Decision& d = court.decisions[0];
  EXPECT_EQ(d.details,
            "Action llm.generate on model/gpt-4 denied by rule 'access/rest': ask #ai-platform");
  EXPECT_EQ(d.reason_code, "RULE_MATCH");
  EXPECT_EQ(d.at, "p.toml:3:1");
  EXPECT_EQ(d.why, "first match; action llm.generate ~ *; resource model/gpt-4 ~ model/*");
}

// Former bugs: a default that only warns was called a "default deny".
TEST(Hearing, ADefaultThatWarnsIsNoDeny) {
  Court court(freeze({access({}, Verdict::Log)}), {.action = "llm.generate", .model = "m"});
  court.hearing.judge_subject(court.decisions);
  ASSERT_EQ(court.decisions.size(), 1u);
  EXPECT_EQ(court.decisions[0].details,
            "Action llm.generate on model/m noted by default of 'access'");
}

// ---- Tools --------------------------------------------------------------------------------------

TEST(Hearing, AccessRulesAboutModelsAloneForbidNoTool) {
  Court models(freeze({access({rule("m", Verdict::Allow, {"llm.generate"}, {"model/*"})})}));
  EXPECT_THAT(models.of_definition("search"), IsEmpty());
  EXPECT_THAT(models.of_call("search", "{}"), IsEmpty());
  Court tools(freeze({access({rule("m", Verdict::Allow, {"llm.generate"}, {"model/*"}),
                              rule("t", Verdict::Allow, {"tool.*"}, {"tool/search"})})}));
  EXPECT_THAT(tools.of_definition("search"), IsEmpty());
  EXPECT_THAT(tools.of_definition("delete"), ElementsAre("access/default BLOCK"));
  EXPECT_THAT(tools.of_call("delete", "{}"), ElementsAre("access/default BLOCK"));
}

TEST(Hearing, ToolsHaveActionsOfTheirOwnNameR78) {
  Court court(freeze({access({rule("d", Verdict::Block, {"delete_*"}, {"*"}),
                              rule("r", Verdict::Block, {"files:read"}, {"*"}),
                              rule("rest", Verdict::Allow, {"*"}, {"*"})})}));
  EXPECT_THAT(court.of_call("delete_row", "{}"), ElementsAre("access/d BLOCK"));
  EXPECT_THAT(court.of_call("files:read", "{}"), ElementsAre("access/r BLOCK"));
  EXPECT_THAT(court.of_call("files:write", "{}"), IsEmpty());
}

TEST(Hearing, ACallIsJudgedByItsNameAtOnceAndByItsArgumentsWhenTheyAreWhole) {
  Court court(freeze({access({rule("pay", Verdict::Block, {"tool.call"}, {"tool/pay"},
                                   {test::when_arg("amount", Op::Gt, {"100"})}),
                              rule("del", Verdict::Block, {"tool.call"}, {"tool/del"}),
                              rule("rest", Verdict::Allow, {"*"}, {"*"})})}));
  EXPECT_TRUE(court.hearing.call_needs_arguments("pay"));
  EXPECT_FALSE(court.hearing.call_needs_arguments("del"));
  EXPECT_THAT(court.of_call("del", "", false), ElementsAre("access/del BLOCK"));
  EXPECT_THAT(court.of_call("pay", "", false), IsEmpty());
  EXPECT_THAT(court.of_call("pay", R"({"amount":100})"), IsEmpty());
  EXPECT_THAT(court.of_call("pay", R"({"amount":101})"), ElementsAre("access/pay BLOCK"));
  EXPECT_THAT(court.of_call("pay", R"({"amount":"all"})"), ElementsAre("access/pay BLOCK"));
}

// Former bugs: a content rule about a tool's name alone was never asked; one about the request was
// asked again for each call of the answer.
TEST(Hearing, ContentRulesAboutToolsAreAskedOfCalls) {
  const auto names_tool = content({content_rule("t", {when(Field::ToolName, Op::Equals, {"rm"})})});
  Court court(freeze({names_tool}));
  EXPECT_TRUE(court.hearing.judges_calls());
  EXPECT_TRUE(court.hearing.call_needs_arguments("rm"));
  EXPECT_THAT(court.of_call("rm", "{}"), ElementsAre("content/t BLOCK"));
  EXPECT_THAT(court.of_call("ls", "{}"), IsEmpty());

  Court files(freeze({content({content_rule("f", {when(Field::HasFiles, Op::Equals, {"true"})}),
                               content_rule("t", {when(Field::Content, Op::Contains, {"x"})})})}),
              {.has_files = true});
  EXPECT_THAT(files.of_text("x"), ElementsAre("content/f BLOCK", "content/t BLOCK"));
  EXPECT_THAT(files.of_call("ls", R"({"a":"x"})"), ElementsAre("content/t BLOCK"));
  EXPECT_THAT(files.of_text("x", Phase::Response), ElementsAre("content/t BLOCK"));

  ContentPolicy calls_only = content({content_rule("f", {when(Field::AgentId, Op::Glob, {"a*"})})});
  calls_only.head.on = kToolArgs;
  Court agent(freeze({calls_only}), {.agent = "a1"});
  EXPECT_TRUE(agent.hearing.judges_calls());
  EXPECT_THAT(agent.of_text("x"), IsEmpty());
  EXPECT_THAT(agent.of_call("ls", "{}"), ElementsAre("content/f BLOCK"));
}

// Former bugs: the resource was unknown to content rules, and the action stood there as written.
TEST(Hearing, ContentRulesKnowTheActionAndTheResource) {
  Court court(
      freeze({content({content_rule("a", {when(Field::Action, Op::Equals, {"llm.generate"})}),
                       content_rule("r", {when(Field::Resource, Op::Glob, {"model/gpt-*"})})})}),
      {.action = "llm:call", .model = "gpt-4"});
  EXPECT_THAT(court.of_text("hello"), ElementsAre("content/a BLOCK", "content/r BLOCK"));
}

// ---- Pins ---------------------------------------------------------------------------------------

class Pins final : public PinStore {
 public:
  PinState look(std::string_view principal, std::string_view tool,
                std::string_view digest) override {
    if (full) return PinState::Full;
    const auto [at, fresh] =
        known.try_emplace(std::string(principal) + "/" + std::string(tool), digest);
    return fresh ? PinState::New : at->second == digest ? PinState::Unchanged : PinState::Changed;
  }
  void accept(std::string_view principal, std::string_view tool, std::string_view digest) override {
    known[std::string(principal) + "/" + std::string(tool)] = digest;
  }
  std::map<std::string, std::string> known;
  bool full = false;
};

PinPolicy pin(std::string name, Verdict on_change) {
  PinPolicy policy;
  policy.head = test::head(std::move(name));
  policy.on_change = on_change;
  return policy;
}

TEST(Hearing, AChangedToolIsNotedOnceOrHeldForGood) {
  for (const Verdict verdict : {Verdict::Log, Verdict::Confirm, Verdict::Block}) {
    Pins pins;
    Court court(freeze({pin("pins", verdict)}), {.agent = "a", .key = "k"}, &pins);
    EXPECT_TRUE(court.hearing.pins_tools());
    EXPECT_THAT(court.of_definition("t", "one"), IsEmpty());
    EXPECT_THAT(court.of_definition("t", "one"), IsEmpty());
    EXPECT_EQ(court.of_definition("t", "two").size(), 1u);
    EXPECT_EQ(court.of_definition("t", "two").size(), verdict == Verdict::Log ? 0u : 1u);
    EXPECT_THAT(court.of_definition("u", "two"), IsEmpty());
  }
  Pins pins;
  pins.full = true;
  Court court(freeze({pin("pins", Verdict::Block)}), {}, &pins);
  EXPECT_THAT(court.of_definition("t", "one"), ElementsAre("pins/tool.unpinned LOG"));
  Court without(freeze({pin("pins", Verdict::Block)}));
  EXPECT_FALSE(without.hearing.pins_tools());
  EXPECT_THAT(without.of_definition("t", "one"), IsEmpty());
}

// Former bugs: the policy that only notes a change accepted it before the other was asked.
TEST(Hearing, OfTwoPinPoliciesTheStricterOneStands) {
  for (const bool turned : {false, true}) {
    Pins pins;
    std::vector<Policy> both = {pin("notes", Verdict::Log), pin("blocks", Verdict::Block)};
    if (turned) std::swap(both[0], both[1]);
    Court court(freeze(both), {}, &pins);
    court.of_definition("t", "one");
    for (int i = 0; i < 2; ++i) {
      EXPECT_THAT(
          court.of_definition("t", "two"),
          testing::UnorderedElementsAre("notes/tool.changed LOG", "blocks/tool.changed BLOCK"));
    }
  }
}

// ---- Failures -----------------------------------------------------------------------------------

TEST(Hearing, OfPoliciesThatShareADetectorTheStrictestOnErrorCounts) {
  const auto snapshot_of = [](std::optional<OnError> engine, std::optional<OnError> one,
                              std::optional<OnError> two) {
    Document document;
    document.engine.on_error = engine;
    PiiPolicy a = pii({{EntityType::EmailAddress, Verdict::Block}}), b = a;
    a.head.on_error = one;
    b.head.on_error = two;
    b.head.bind.agents = {"bound"};
    document.policies = {a, b, KeywordPolicy{}};
    return *Snapshot::freeze(std::vector{document}, "r");
  };
  struct Case {
    std::optional<OnError> engine, one, two;
    OnError unbound, bound, keyword;
  };
  using enum OnError;
  for (const Case& c : {
           Case{{}, {}, {}, Block, Block, Block},
           {Warn, {}, {}, Warn, Warn, Warn},
           {Allow, {}, Block, Allow, Block, Allow},
           {Block, Allow, Warn, Allow, Warn, Block},
           {Block, Allow, Allow, Allow, Allow, Block},
           {Allow, Warn, {}, Warn, Warn, Allow},
       }) {
    const Snap snapshot = snapshot_of(c.engine, c.one, c.two);
    detect::DetectorMask pii_bit = 0, keyword_bit = 0;
    for (const Compiled& p : snapshot->policies()) {
      (std::holds_alternative<PiiPolicy>(*p.source) ? pii_bit : keyword_bit) = p.detectors;
    }
    EXPECT_EQ(Court(snapshot, {.agent = "x"}).hearing.on_error(pii_bit), c.unbound);
    EXPECT_EQ(Court(snapshot, {.agent = "bound"}).hearing.on_error(pii_bit), c.bound);
    EXPECT_EQ(Court(snapshot, {.agent = "x"}).hearing.on_error(keyword_bit), c.keyword);
    EXPECT_EQ(Court(snapshot, {.agent = "x"}).hearing.on_error(pii_bit | keyword_bit),
              std::min(c.unbound, c.keyword));
    // Former bugs: a detector that no policy owns was forgiven along with one that is.
    EXPECT_EQ(Court(snapshot, {.agent = "x"}).hearing.on_error(pii_bit | 1u << 31),
              std::min(c.unbound, snapshot->on_error()));
  }
}

TEST(Snapshot, TheStrictestOfAllDocumentsIsTheDefault) {
  Document strict, mild, silent;
  strict.engine.on_error = OnError::Warn;
  strict.engine.deadline_ms = 50;
  mild.engine.on_error = OnError::Allow;
  mild.engine.deadline_ms = 500;
  const auto both = *Snapshot::freeze(std::vector{mild, strict, silent}, "r");
  EXPECT_EQ(both->on_error(), OnError::Warn);
  EXPECT_EQ(both->deadline_ms(), 50u);
  const auto none = *Snapshot::freeze(std::vector{silent}, "r");
  EXPECT_EQ(none->on_error(), OnError::Block);
  EXPECT_EQ(none->deadline_ms(), 0u);
}

// ---- Scope --------------------------------------------------------------------------------------

TEST(Hearing, LatestTurnLooksAtWhatCameInLast) {
  PiiPolicy policy = pii({{EntityType::EmailAddress, Verdict::Block}});
  policy.head.scope = TurnScope::LatestTurn;
  const Snap snapshot = freeze({policy});
  const auto hit_rule = std::get<PiiRules>(snapshot->policies()[0].rules)
                            .types[static_cast<std::size_t>(EntityType::EmailAddress)];
  struct Case {
    std::uint32_t message, turn_begin;
    bool counts;
  };
  for (const Case& c :
       {Case{0, 0, true}, {1, 2, false}, {2, 2, true}, {event::kNoMessage, 2, true}}) {
    Court court(snapshot);
    const Unit unit{.point = Point::Prompt,
                    .hits = {{.rule = hit_rule, .score = 1, .message = c.message}},
                    .turn_begin = c.turn_begin};
    court.hearing.judge_findings(unit, court.decisions);
    EXPECT_EQ(court.take().size(), c.counts ? 1u : 0u) << c.message;
  }
}

// ---- Keys ---------------------------------------------------------------------------------------

TEST(Snapshot, AKeySpeaksForTheAgentsItsFirstRuleNames_X11) {
  Document document;
  document.keys = {{.key = "k-1*", .agents = {"premium-*", "vip"}, .explain = true, .origin = {}},
                   {.key = "k-free", .agents = {}, .explain = false, .origin = {}},
                   {.key = "k-*", .agents = {"basic-*"}, .explain = false, .origin = {}}};
  const auto snapshot = *Snapshot::freeze(std::vector{document}, "r");
  using enum Snapshot::AgentStanding;
  struct Case {
    const char *key, *agent;
    Snapshot::AgentStanding standing;
  };
  for (const Case& c : {
           Case{"k-1", "premium-1", Bound},
           {"k-12", "vip", Bound},
           {"k-1", "basic-1", Refused},
           {"k-1", "", Refused},
           {"k-2", "basic-1", Bound},
           {"k-2", "premium-1", Refused},
           {"k-free", "anything", Asserted},
           {"other", "anything", Asserted},
           {"", "anything", Asserted},
       }) {
    EXPECT_EQ(snapshot->agent_standing(c.key, c.agent), c.standing) << c.key << " " << c.agent;
  }
  ASSERT_NE(snapshot->key_rule("k-1"), nullptr);
  EXPECT_TRUE(snapshot->key_rule("k-1")->explain);
  EXPECT_FALSE(snapshot->key_rule("k-2")->explain);
  EXPECT_EQ(snapshot->key_rule("other"), nullptr);
}

TEST(Hearing, NetworkListsHoldTheProvidersHostR66) {
  ListsPolicy policy;
  policy.head = test::head("net");
  policy.network.emplace();
  policy.network->require_tls = true;
  policy.network->hosts = names({"api.openai.com"}, {});
  const Snap snapshot = freeze({policy});
  const auto judge = [&](std::string_view host, bool tls) {
    return Court(snapshot, {.upstream_host = host, .upstream_tls = tls}).of_subject();
  };
  EXPECT_THAT(judge("api.openai.com", true), IsEmpty());
  EXPECT_THAT(judge("api.openai.com", false), ElementsAre("net/network.tls_required BLOCK"));
  EXPECT_THAT(judge("evil.com", true), ElementsAre("net/network.not_allowed BLOCK"));
  EXPECT_THAT(judge("", false), IsEmpty()) << "nobody is contacted";
}

}  // namespace
}  // namespace capsem::policy
