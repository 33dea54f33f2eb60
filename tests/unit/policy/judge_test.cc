#include "core/policy/judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::policy {
namespace {

using detect::EntityType;
using event::Part;
using event::Phase;
using event::Point;

constexpr detect::RuleId kWord = 100;    // 'capsem_block' of the Debug policy
constexpr detect::RuleId kSecond = 101;  // 'Second Word'

// Entity types are reported under their own number in these tests.
constexpr detect::RuleId rule_of(EntityType type) {
  return static_cast<detect::RuleId>(type);
}

KeywordPolicy debug_policy() {
  KeywordPolicy policy;
  policy.keywords = {"capsem_block", "Second Word"};
  return policy;
}
const KeywordRules kDebugRules = {kWord, kSecond};

// Every type under its own number.
EntityRules entity_rules() {
  EntityRules rules{};
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i] = static_cast<detect::RuleId>(i);
  return rules;
}

// What the shipped pii.toml says of the types used below.
PiiPolicy pii_policy() {
  PiiPolicy policy;
  const auto set = [&policy](EntityType type, Verdict verdict) {
    const auto i = static_cast<std::size_t>(type);
    policy.entities[i] = {.configured = true, .verdict = verdict};
  };
  set(EntityType::EmailAddress, Verdict::Block);
  set(EntityType::CreditCard, Verdict::Block);
  set(EntityType::PhoneNumber, Verdict::Confirm);
  set(EntityType::Person, Verdict::Log);
  set(EntityType::IpAddress, Verdict::Allow);
  return policy;
}

Hit hit(EntityType type, float score, std::uint32_t order, std::uint64_t begin,
        Part part = Part::Text) {
  return {.rule = rule_of(type),
          .score = score,
          .order = order,
          .begin = begin,
          .end = begin + 5,
          .part = part};
}

Hit repeated(EntityType type, std::uint16_t field, std::uint64_t begin) {
  Hit h = hit(type, 1.0F, 50, begin);
  h.repeat = true;
  h.field = field;
  return h;
}

Hit word(Part part, std::uint32_t order = 0, std::uint64_t begin = 0, detect::RuleId rule = kWord) {
  return {
      .rule = rule, .score = 1, .order = order, .begin = begin, .end = begin + 12, .part = part};
}

std::optional<Decision> ask_pii(const Unit& unit, const PiiPolicy& policy = pii_policy()) {
  IdSource ids(1);
  return judge_pii(policy, {.types = entity_rules(), .own = {}}, unit, ids);
}

std::optional<Decision> ask_debug(const Unit& unit) {
  IdSource ids(1);
  return judge_keyword(debug_policy(), kDebugRules, unit, ids);
}

std::string details(const std::optional<Decision>& decision) {
  return decision ? decision->details : "(nothing)";
}

struct PlaceCase {
  Point point;
  Part part;
  std::string_view place, callback;
};
constexpr PlaceCase kPlaces[] = {
    {Point::Prompt, Part::Text, "prompt", "on_model_call"},
    {Point::ToolDefinition, Part::ToolName, "tool name", "on_tool_call"},
    {Point::ToolDefinition, Part::Description, "tool description", "on_tool_call"},
    {Point::ToolDefinition, Part::Schema, "tool definition", "on_tool_call"},
    {Point::ToolDefinition, Part::Text, "tool definition", "on_tool_call"},
    {Point::ToolCall, Part::ToolName, "tool name", "on_tool_call"},
    {Point::ToolCall, Part::Arguments, "tool arguments", "on_tool_call"},
    {Point::ToolCall, Part::Text, "tool arguments", "on_tool_call"},
    {Point::ToolResult, Part::Text, "tool response", "on_tool_response"},
    {Point::ToolResult, Part::ToolName, "tool response", "on_tool_response"},
    {Point::ModelOutput, Part::Text, "model response", "on_model_response"},
    {Point::Thought, Part::Text, "model response", "on_model_response"},
};

// A number that its check digits prove is not another type's as well, unless that would loosen.
TEST(PiiPolicy, AProvenNumberIsNoOtherNumber) {
  PiiPolicy policy = pii_policy();
  const auto decide_on = [&policy](EntityType type, Verdict verdict) {
    policy.entities[static_cast<std::size_t>(type)] = {.configured = true, .verdict = verdict};
  };
  decide_on(EntityType::UsBankNumber, Verdict::Log);
  const Hit card = hit(EntityType::CreditCard, 1.0F, 2, 10);
  const Hit bank = hit(EntityType::UsBankNumber, 0.65F, 2, 10);
  const auto said = [&policy](std::vector<Hit> hits) {
    return details(ask_pii({.point = Point::Prompt, .hits = std::move(hits)}, policy));
  };
  const std::string card_alone =
      "PII detected in prompt: CREDIT_CARD(count=1, score=1.00, action=BLOCK)";
  EXPECT_EQ(said({card, bank}), card_alone);
  EXPECT_EQ(said({bank, card}), card_alone);
  for (const Hit& other : {hit(EntityType::UsBankNumber, 0.65F, 3, 10),  // in another text
                           hit(EntityType::UsBankNumber, 0.65F, 2, 11),  // goes on after it
                           hit(EntityType::UsBankNumber, 1.0F, 2, 10),   // as sure
                           hit(EntityType::Person, 0.85F, 2, 10)}) {     // no number
    EXPECT_NE(said({card, other}), card_alone);
  }
  decide_on(EntityType::CreditCard, Verdict::Allow);
  EXPECT_THAT(said({card, bank}), testing::HasSubstr("US_BANK_NUMBER(count=1"));
  policy.entities[static_cast<std::size_t>(EntityType::CreditCard)].configured = false;
  EXPECT_THAT(said({card, bank}), testing::HasSubstr("US_BANK_NUMBER(count=1"));
}

TEST(DebugPolicy, NamesThePlaceAndTheOriginalsHookR19R20R21) {
  for (const auto& c : kPlaces) {
    SCOPED_TRACE(testing::Message() << to_string(c.point) << " " << static_cast<int>(c.part));
    const auto decision =
        ask_debug({.point = c.point, .phase = Phase::Response, .hits = {word(c.part)}});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->details, "Detected 'capsem_block' in " + std::string(c.place));
    EXPECT_EQ(decision->callback, c.callback);
    EXPECT_EQ(decision->policy, "Debug");
    EXPECT_EQ(decision->rule, "capsem_block");
    EXPECT_EQ(decision->verdict, Verdict::Block);
    EXPECT_EQ(decision->reason, Reason::PolicyViolation);
    EXPECT_EQ(decision->point, c.point);
    EXPECT_EQ(decision->phase, Phase::Response);
  }
}

TEST(DebugPolicy, ReportsTheHitThatStandsFirstWhateverOrderHitsWereFoundIn) {
  EXPECT_EQ(details(ask_debug({.point = Point::ToolCall,
                               .hits = {word(Part::Arguments, 3, 0), word(Part::ToolName, 1, 9)}})),
            "Detected 'capsem_block' in tool name");
  EXPECT_EQ(
      details(ask_debug({.hits = {word(Part::Text, 2, 80), word(Part::Text, 2, 7, kSecond)}})),
      "Detected 'Second Word' in prompt");
}

TEST(DebugPolicy, CountsRepeatingTextsLikeAllOthers) {
  Hit h = word(Part::Text);
  h.repeat = true;
  EXPECT_EQ(details(ask_debug({.point = Point::ModelOutput, .hits = {h}})),
            "Detected 'capsem_block' in model response");
}

TEST(DebugPolicy, HasNoOpinionOfOtherPoliciesHits) {
  EXPECT_FALSE(ask_debug({.hits = {hit(EntityType::EmailAddress, 1, 0, 0)}}));
  EXPECT_FALSE(ask_debug({}));
}

struct PiiCase {
  std::string_view name;
  Unit unit;
  std::string_view details;
  Verdict verdict = Verdict::Allow;
  std::string_view rule = {};
};

std::vector<Hit> founding_answer() {
  std::vector<Hit> hits;
  hits.push_back(hit(EntityType::Person, 0.85F, 0, 2));
  for (std::uint64_t i = 0; i < 13; ++i) {
    hits.push_back(hit(EntityType::EmailAddress, 1, 0, 40 + 20 * i));
  }
  hits.push_back(hit(EntityType::Person, 0.85F, 0, 400));
  return hits;
}

std::vector<PiiCase> pii_cases() {
  const Hit email = hit(EntityType::EmailAddress, 1, 0, 10);
  return {
      {"R22: a model's call",
       {.point = Point::ToolCall,
        .phase = Phase::Response,
        .tool_name = "contact_lookup",
        .hits = {hit(EntityType::EmailAddress, 1, 1, 9, Part::Arguments)}},
       "PII detected in tool 'contact_lookup' arguments: "
       "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"R23: a result without a name stays unknown in the text",
       {.point = Point::ToolResult, .tool_name_resolved = "get_weather", .hits = {email}},
       "PII detected in tool 'unknown' response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"R23: a result that names its tool",
       {.point = Point::ToolResult, .tool_name = "get_weather", .hits = {email}},
       "PII detected in tool 'get_weather' response: "
       "EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"R24: thirteen addresses and two names in the answer",
       {.point = Point::ModelOutput, .phase = Phase::Response, .hits = founding_answer()},
       "PII detected in model response: EMAIL_ADDRESS(count=13, score=1.00, action=BLOCK), "
       "PERSON(count=2, score=0.85, action=LOG)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"R25: a prompt",
       {.hits = {email}},
       "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"thoughts are told as the answer",
       {.point = Point::Thought, .hits = {email}},
       "PII detected in model response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"equal scores: the type that stands first is listed first",
       {.hits = {hit(EntityType::CreditCard, 1, 1, 3), hit(EntityType::EmailAddress, 1, 0, 90)}},
       "PII detected in prompt: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK), "
       "CREDIT_CARD(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"the score is the mean",
       {.hits = {hit(EntityType::PhoneNumber, 0.75F, 0, 3),
                 hit(EntityType::PhoneNumber, 0.5F, 0, 30)}},
       "PII detected in prompt: PHONE_NUMBER(count=2, score=0.62, action=CONFIRM)",
       Verdict::Confirm,
       "PHONE_NUMBER"},
      {"the strictest verdict decides, whatever is listed first",
       {.hits = {hit(EntityType::Person, 1, 0, 0), hit(EntityType::PhoneNumber, 0.9F, 0, 30),
                 hit(EntityType::CreditCard, 0.8F, 0, 60)}},
       "PII detected in prompt: PERSON(count=1, score=1.00, action=LOG), "
       "PHONE_NUMBER(count=1, score=0.90, action=CONFIRM), "
       "CREDIT_CARD(count=1, score=0.80, action=BLOCK)",
       Verdict::Block,
       "CREDIT_CARD"},
      {"LOG alone is recorded",
       {.hits = {hit(EntityType::Person, 0.85F, 0, 0)}},
       "PII detected in prompt: PERSON(count=1, score=0.85, action=LOG)",
       Verdict::Log,
       "PERSON"},
      {"ALLOW is listed beside others",
       {.hits = {hit(EntityType::IpAddress, 1, 0, 0), hit(EntityType::Person, 0.85F, 0, 9)}},
       "PII detected in prompt: IP_ADDRESS(count=1, score=1.00, action=ALLOW), "
       "PERSON(count=1, score=0.85, action=LOG)",
       Verdict::Log,
       "PERSON"},
      {"ALLOW alone is nothing to say",
       {.hits = {hit(EntityType::IpAddress, 1, 0, 0)}},
       "(nothing)"},
      {"below the threshold", {.hits = {hit(EntityType::CreditCard, 0.49F, 0, 0)}}, "(nothing)"},
      {"at the threshold",
       {.hits = {hit(EntityType::CreditCard, 0.5F, 0, 0)}},
       "PII detected in prompt: CREDIT_CARD(count=1, score=0.50, action=BLOCK)",
       Verdict::Block,
       "CREDIT_CARD"},
      {"a type that is not configured",
       {.hits = {hit(EntityType::DateTime, 1, 0, 0)}},
       "(nothing)"},
      {"a tool's name is not data",
       {.point = Point::ToolCall, .hits = {hit(EntityType::EmailAddress, 1, 0, 0, Part::ToolName)}},
       "(nothing)"},
      {"nor is a tool's definition",
       {.point = Point::ToolDefinition,
        .hits = {hit(EntityType::EmailAddress, 1, 0, 0, Part::Text)}},
       "(nothing)"},
      {"repeats are not counted on top",
       {.point = Point::ModelOutput,
        .hits = {email, repeated(EntityType::EmailAddress, 7, 10),
                 repeated(EntityType::EmailAddress, 8, 10)}},
       "PII detected in model response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
      {"a type that only repeats have is counted once, in the fullest copy",
       {.point = Point::ModelOutput,
        .hits = {email, repeated(EntityType::CreditCard, 7, 10),
                 repeated(EntityType::CreditCard, 8, 10), repeated(EntityType::CreditCard, 8, 60)}},
       "PII detected in model response: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK), "
       "CREDIT_CARD(count=2, score=1.00, action=BLOCK)",
       Verdict::Block,
       "EMAIL_ADDRESS"},
  };
}

TEST(PiiPolicy, SpeaksTheOriginalsTextsR22ToR25) {
  for (const auto& c : pii_cases()) {
    SCOPED_TRACE(c.name);
    const auto decision = ask_pii(c.unit);
    EXPECT_EQ(details(decision), c.details);
    if (!decision) continue;
    EXPECT_EQ(decision->verdict, c.verdict);
    EXPECT_EQ(decision->rule, c.rule);
    EXPECT_EQ(decision->policy, "PIIDetection");
  }
}

TEST(PiiPolicy, ResolvedToolNameIsInTheRecordOnlyR23) {
  const auto decision = ask_pii({.point = Point::ToolResult,
                                 .tool_name_resolved = "get_weather",
                                 .hits = {hit(EntityType::EmailAddress, 1, 0, 0)}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->tool_name, "get_weather");
}

TEST(PiiPolicy, InputIsSensitiveDataAndWhatComesBackLeaksR31) {
  const std::pair<Point, Reason> rows[] = {
      {Point::Prompt, Reason::SensitiveData}, {Point::ToolCall, Reason::SensitiveData},
      {Point::ToolResult, Reason::Leakage},   {Point::ModelOutput, Reason::Leakage},
      {Point::Thought, Reason::Leakage},
  };
  for (const auto& [point, reason] : rows) {
    const auto decision =
        ask_pii({.point = point, .hits = {hit(EntityType::EmailAddress, 1, 0, 0)}});
    ASSERT_TRUE(decision);
    EXPECT_EQ(decision->reason, reason) << to_string(point);
  }
}

TEST(PiiPolicy, EachFlagSwitchesItsOwnPointsR29) {
  const std::pair<Surfaces, std::vector<Point>> rows[] = {
      {kPrompt, {Point::Prompt}},
      {kToolArgs, {Point::ToolCall}},
      {kToolResult, {Point::ToolResult}},
      {kResponse, {Point::ModelOutput, Point::Thought}},
  };
  for (const auto& [flag, points] : rows) {
    PiiPolicy policy = pii_policy();
    policy.head.on = static_cast<Surfaces>(policy.head.on & ~flag);
    for (const Point point :
         {Point::Prompt, Point::ToolCall, Point::ToolResult, Point::ModelOutput, Point::Thought}) {
      const bool off = std::find(points.begin(), points.end(), point) != points.end();
      const auto decision =
          ask_pii({.point = point, .hits = {hit(EntityType::EmailAddress, 1, 0, 0)}}, policy);
      EXPECT_EQ(decision.has_value(), !off) << to_string(point);
    }
  }
}

TEST(PiiPolicy, AToolNameOfAnyLengthIsCutAtACharacter) {
  std::string name = std::string(127, 'a') + "\xC3\xA9 and more";
  const auto decision = ask_pii({.point = Point::ToolCall,
                                 .tool_name = name,
                                 .hits = {hit(EntityType::EmailAddress, 1, 0, 0)}});
  EXPECT_EQ(details(decision), "PII detected in tool '" + std::string(127, 'a') +
                                   "' arguments: EMAIL_ADDRESS(count=1, score=1.00, action=BLOCK)");
}

TEST(Decisions, HaveTwelveHexadecimalDigitsR31) {
  const auto decision = ask_debug({.hits = {word(Part::Text)}});
  ASSERT_TRUE(decision);
  EXPECT_EQ(decision->id.size(), 12U);
  EXPECT_EQ(decision->id.find_first_not_of("0123456789abcdef"), std::string::npos);
}

TEST(Verdicts, AreReadInAnyLetterCaseAndRankedR31) {
  const std::pair<std::string_view, int> rows[] = {{"ALLOW", 0},  {"LOG", 2},     {"CLARIFY", 2},
                                                   {"REPLAN", 2}, {"CONFIRM", 4}, {"BLOCK", 5}};
  for (const auto& [name, rank] : rows) {
    const auto verdict = verdict_from(name);
    ASSERT_TRUE(verdict) << name;
    EXPECT_EQ(to_string(*verdict), name);
    EXPECT_EQ(strictness(*verdict), rank) << name;
  }
  EXPECT_EQ(verdict_from("block"), Verdict::Block);
  EXPECT_EQ(verdict_from("Confirm"), Verdict::Confirm);
  EXPECT_EQ(verdict_from("DENY"), std::nullopt);
  EXPECT_EQ(verdict_from(""), std::nullopt);
}

TEST(Reasons, AreTheOriginalsWordsR31) {
  const std::string_view words[] = {"safe",
                                    "policy_violation",
                                    "sensitive_data",
                                    "high_risk_action",
                                    "unknown_tool",
                                    "excessive_usage",
                                    "prompt_injection",
                                    "leakage",
                                    "malicious_behavior",
                                    "unsafe_content"};
  for (std::size_t i = 0; i < std::size(words); ++i) {
    EXPECT_EQ(to_string(static_cast<Reason>(i)), words[i]);
  }
}

}  // namespace
}  // namespace capsem::policy
