#include "core/policy/condition.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/policy/helpers.h"

namespace capsem::policy {
namespace {

using test::when;
using test::when_arg;
using testing::HasSubstr;

// Everything that facts can view, filled in by a test.
struct World {
  Subject subject{};
  std::vector<std::string> file_types{};
  std::vector<std::pair<std::string, std::string>> context{};
  std::string action{}, resource{}, tool{}, content{};
  std::optional<std::string> arguments{};
  event::Usage usage{};

  template <class F>
  auto with_facts(F&& f) {
    subject.file_types = file_types;
    subject.context = context;
    Unit unit{.point = event::Point::ToolCall, .tool_name = tool};
    std::optional<Arguments> args;
    if (arguments) args.emplace(*arguments);
    const std::string_view text = content;
    return f(Facts{.subject = subject,
                   .action = action,
                   .resource = resource,
                   .unit = tool.empty() ? nullptr : &unit,
                   .arguments = args ? &*args : nullptr,
                   .content = content.empty() ? nullptr : &text,
                   .usage = usage.known ? &usage : nullptr});
  }

  Truth hold(const std::vector<Condition>& conditions) {
    const auto compiled = Conditions::compile(conditions);
    EXPECT_TRUE(compiled) << compiled.error().detail;
    return with_facts([&](const Facts& facts) { return compiled->hold(facts); });
  }
  Truth hold(const Condition& condition) { return hold(std::vector{condition}); }
};

World full_world() {
  World world;
  world.subject = {.agent = "premium-1",
                   .key = "k-1234",
                   .integration = "fin-1",
                   .agent_bound = true,
                   .model = "gpt-4",
                   .provider = "openai",
                   .endpoint = "/v1/chat/completions",
                   .stream = true,
                   .has_images = true,
                   .has_files = true};
  world.file_types = {"application/pdf", "image/png"};
  world.context = {{"region", "eu-west"}};
  world.action = "tool.call";
  world.resource = "tool/search";
  world.tool = "search";
  world.content = "Mentions Q4 earnings";
  world.arguments = R"({"limit": 10, "q": "cats"})";
  world.usage = {.input_tokens = 10, .output_tokens = 20, .total_tokens = 30, .known = true};
  return world;
}

constexpr Truth T = Truth::True, F = Truth::False, E = Truth::Error;

// ---- Every field with every operator, negated and not, present and absent -----------------------

struct FieldCase {
  Field field;
  const char* path;
  const char *value, *glob, *part, *pattern, *other;
};

const FieldCase kFields[] = {
    {Field::Content, "", "Mentions Q4 earnings", "*Q4*", "q4 EARN", "(?i)\\bq4\\b", "zzz"},
    {Field::Model, "", "gpt-4", "gpt-*", "PT-", "^gpt-[0-9]$", "zzz"},
    {Field::Provider, "", "openai", "open*", "pena", "^open", "zzz"},
    {Field::Endpoint, "", "/v1/chat/completions", "/v1/*", "CHAT", "^/v[0-9]/", "zzz"},
    {Field::Stream, "", "true", "t*", "ru", "^true$", "zzz"},
    {Field::HasImages, "", "true", "t*", "ru", "^true$", "zzz"},
    {Field::HasFiles, "", "true", "t*", "ru", "^true$", "zzz"},
    {Field::FileTypes, "", "image/png", "image/*", "PNG", "^image/", "zzz"},
    {Field::AgentId, "", "premium-1", "premium-*", "mium", "^premium-", "zzz"},
    {Field::AgentBound, "", "true", "t*", "ru", "^true$", "zzz"},
    {Field::KeyId, "", "k-1234", "k-*", "123", "^k-[0-9]+$", "zzz"},
    {Field::Integration, "", "fin-1", "fin-*", "in-", "^fin", "zzz"},
    {Field::Action, "", "tool.call", "tool.*", "L.C", "call$", "zzz"},
    {Field::Resource, "", "tool/search", "tool/*", "SEAR", "search$", "zzz"},
    {Field::ToolName, "", "search", "sea*", "EAR", "^sea", "zzz"},
    {Field::ToolArgs, "", R"({"limit": 10, "q": "cats"})", "*cats*", "CATS", "c.ts", "zzz"},
    {Field::ToolArg, "q", "cats", "c*", "AT", "^c.ts$", "zzz"},
    {Field::UsageInput, "", "10", "1*", "0", "^10$", "99"},
    {Field::UsageOutput, "", "20", "2*", "0", "^20$", "99"},
    {Field::UsageTotal, "", "30", "3*", "0", "^30$", "99"},
    {Field::Context, "region", "eu-west", "eu-*", "WEST", "^eu", "zzz"},
};

TEST(Conditions, EveryFieldWithEveryOperatorR52) {
  World world = full_world();
  World nothing;
  for (const FieldCase& c : kFields) {
    SCOPED_TRACE(std::string(to_string(c.field)));
    struct Row {
      Op op;
      const char *holds, *fails;
    };
    for (const Row& row : {
             Row{Op::Equals, c.value, c.other},
             {Op::In, c.value, c.other},
             {Op::Glob, c.glob, c.other},
             {Op::Contains, c.part, c.other},
             {Op::Matches, c.pattern, c.other},
         }) {
      SCOPED_TRACE(std::string(to_string(row.op)));
      const auto condition = [&](const char* value, bool negated) {
        Condition made = when(c.field, row.op, {value}, negated);
        made.path = c.path;
        return made;
      };
      EXPECT_EQ(world.hold(condition(row.holds, false)), T);
      EXPECT_EQ(world.hold(condition(row.holds, true)), F);
      EXPECT_EQ(world.hold(condition(row.fails, false)), F);
      EXPECT_EQ(world.hold(condition(row.fails, true)), T);
      // These are never absent: they are false when nobody said so.
      const bool always = c.field == Field::Stream || c.field == Field::HasImages ||
                          c.field == Field::HasFiles || c.field == Field::AgentBound;
      if (always) continue;
      EXPECT_EQ(nothing.hold(condition(row.holds, false)), F) << "absent is false";
      EXPECT_EQ(nothing.hold(condition(row.holds, true)), F) << "negated, too";
    }
    Condition exists = when(c.field, Op::Exists, {});
    exists.path = c.path;
    EXPECT_EQ(world.hold(exists), T);
    exists.negated = true;
    EXPECT_EQ(world.hold(exists), F);
  }
}

TEST(Conditions, OnlyExistsSpeaksOfAbsence) {
  World nothing;
  for (const Field field : {Field::Content, Field::Model, Field::AgentId, Field::FileTypes,
                            Field::ToolName, Field::ToolArgs, Field::UsageTotal, Field::Context}) {
    EXPECT_EQ(nothing.hold(when(field, Op::Exists, {})), F);
    EXPECT_EQ(nothing.hold(when(field, Op::Exists, {}, true)), T);
  }
  EXPECT_EQ(nothing.hold(when(Field::Stream, Op::Equals, {"false"})), T);
  EXPECT_EQ(nothing.hold(when(Field::AgentBound, Op::Equals, {"true"})), F);
}

// ---- Numbers ------------------------------------------------------------------------------------

TEST(Conditions, CompareNumbersFromBothSides) {
  struct Case {
    const char* value;
    Op op;
    const char* bound;
    Truth plain, negated;
  };
  const Case cases[] = {
      {"10", Op::Gt, "9.5", T, F},      {"10", Op::Gt, "10", F, T},
      {"10", Op::Gte, "10", T, F},      {"9", Op::Gte, "10", F, T},
      {"9", Op::Lt, "10", T, F},        {"10", Op::Lt, "10", F, T},
      {"10", Op::Lte, "10", T, F},      {"11", Op::Lte, "10", F, T},
      {"-1", Op::Lt, "0", T, F},        {"1e3", Op::Gt, "999", T, F},
      {"\"12\"", Op::Gt, "11", T, F},   {"\"twelve\"", Op::Gt, "11", E, E},
      {"\"\"", Op::Gt, "11", E, E},     {"\"12 \"", Op::Gt, "11", E, E},
      {"\"0x20\"", Op::Gt, "11", E, E}, {"\"inf\"", Op::Gt, "11", E, E},
      {"\"nan\"", Op::Lt, "11", E, E},  {"1e999", Op::Gt, "11", E, E},
      {"true", Op::Gt, "0", E, E},      {"{\"a\":1}", Op::Gt, "0", E, E},
      {"[1,2]", Op::Gt, "0", E, E},     {"null", Op::Gt, "0", F, F},
  };
  for (const Case& c : cases) {
    World world;
    world.tool = "t";
    world.arguments = std::string("{\"n\":") + c.value + "}";
    EXPECT_EQ(world.hold(when_arg("n", c.op, {c.bound})), c.plain) << c.value << to_string(c.op);
    EXPECT_EQ(world.hold(when_arg("n", c.op, {c.bound}, true)), c.negated) << c.value;
  }
  World world = full_world();
  EXPECT_EQ(world.hold(when(Field::UsageTotal, Op::Gt, {"29"})), T);
  EXPECT_EQ(world.hold(when(Field::UsageTotal, Op::Gt, {"30"})), F);
  EXPECT_FALSE(Conditions::compile(std::vector{when(Field::UsageTotal, Op::Gt, {"many"})}));
}

// ---- Paths --------------------------------------------------------------------------------------

TEST(Conditions, FollowPathsIntoTheArguments) {
  struct Case {
    const char *path, *json, *value;
    Truth truth;
  };
  const Case cases[] = {
      {"a", R"({"a":"x"})", "x", T},
      {"a", R"({"b":"x"})", "x", F},
      {"a.b", R"({"a":{"b":"x"}})", "x", T},
      {"a.b", R"({"a.b":"x"})", "x", F},
      {"a.b", R"({"a":["x"]})", "x", F},
      {"a", R"({"b":{"a":"x"}})", "x", F},
      {"a", R"({"\u0061":"\u0078"})", "x", T},
      {"a", R"({"a":true})", "true", T},
      {"a", R"({"a":1.50})", "1.50", T},
      {"a", R"({"a":null})", "null", F},
      {"a", R"({"a":""})", "", T},
      {"a", R"({"a":{"b":1}})", R"({"b":1})", T},
      {"a", R"({"a": [1, 2] })", "[1, 2]", T},
      {"items[0].url", R"({"items":[{"url":"x"},{"url":"y"}]})", "x", T},
      {"items[1].url", R"({"items":[{"url":"x"},{"url":"y"}]})", "x", F},
      {"items[2].url", R"({"items":[{"url":"x"},{"url":"y"}]})", "x", F},
      {"items[*].url", R"({"items":[{"url":"x"},{"url":"y"}]})", "y", T},
      {"items[*].url", R"({"items":[{"u":"x"},3,null,"y"]})", "y", F},
      {"items[*].url", R"({"items":[]})", "y", F},
      {"items[*].url", R"({"items":{"url":"y"}})", "y", F},
      {"items[*][*]", R"({"items":[["a"],["b","x"]]})", "x", T},
      {"[0].a", R"([{"a":"x"}])", "x", T},
      {"a", R"("x")", "x", F},
      {"a", R"({"a":"x)", "x", E},
      {"a", "no json", "x", E},
      {"a", R"({"a":"x","a":"y"})", "y", E},
      {"a", "", "x", F},
  };
  for (const Case& c : cases) {
    World world;
    world.tool = "t";
    world.arguments = c.json;
    EXPECT_EQ(world.hold(when_arg(c.path, Op::Equals, {c.value})), c.truth)
        << c.path << " in " << c.json;
  }
}

TEST(Conditions, ANegatedConditionOnAListHoldsWhenItHoldsForNoElement) {
  World world;
  world.tool = "t";
  const auto not_x = when_arg("u[*]", Op::Glob, {"x*"}, true);
  world.arguments = R"({"u":["a","b"]})";
  EXPECT_EQ(world.hold(not_x), T);
  world.arguments = R"({"u":["a","xb"]})";
  EXPECT_EQ(world.hold(not_x), F);
  world.arguments = R"({"u":[]})";
  EXPECT_EQ(world.hold(not_x), F) << "absent";
  world.arguments = R"({"n":[1,"many"]})";
  EXPECT_EQ(world.hold(when_arg("n[*]", Op::Gt, {"0"})), T) << "one holds, whatever the others are";
  EXPECT_EQ(world.hold(when_arg("n[*]", Op::Gt, {"5"})), E);
  EXPECT_EQ(world.hold(when_arg("n[*]", Op::Gt, {"5"}, true)), E);
}

TEST(Conditions, RefusePathsThatLeadNowhere) {
  for (const char* path : {"", ".", ".a", "a.", "a..b", "a[", "a[]", "a[x]", "a[-1]", "a[1",
                           "a[ 1]", "a[4294967295]", "a[99999999999]", "a[0]b"}) {
    const auto compiled = Conditions::compile(std::vector{when_arg(path, Op::Exists, {})});
    ASSERT_FALSE(compiled) << path;
    EXPECT_EQ(compiled.error().code, "invalid_path") << path;
  }
  EXPECT_TRUE(Conditions::compile(std::vector{when_arg("a[4294967294]", Op::Exists, {})}));
}

TEST(Conditions, RefuseGlobsAndPatternsThatAreNone) {
  EXPECT_FALSE(Conditions::compile(std::vector{when(Field::Model, Op::Glob, {"["})}));
  EXPECT_FALSE(Conditions::compile(std::vector{when(Field::Model, Op::Matches, {"("})}));
  EXPECT_FALSE(Conditions::compile(std::vector{when(Field::Model, Op::Matches, {"(?=x)"})}));
  EXPECT_FALSE(Conditions::compile(
      std::vector{when(Field::Model, Op::Matches, {std::string(Pattern::kBytesMax + 1, 'a')})}));
  EXPECT_TRUE(Conditions::compile(
      std::vector{when(Field::Model, Op::Matches, {std::string(Pattern::kBytesMax, 'a')})}));
}

// Former bugs: `\u0064rop` passed where "drop" was looked for, though the tool reads "drop".
TEST(Conditions, EscapesInArgumentsHideNothing) {
  World world;
  world.tool = "t";
  world.arguments = R"({"sql":"\u0064rop table","path":"\/etc\/passwd"})";
  EXPECT_EQ(world.hold(when(Field::ToolArgs, Op::Contains, {"drop"})), T);
  EXPECT_EQ(world.hold(when(Field::ToolArgs, Op::Matches, {"\"/etc/passwd\""})), T);
  EXPECT_EQ(world.hold(when(Field::ToolArgs, Op::Glob, {"*drop*"})), T);
  EXPECT_EQ(world.hold(when(Field::ToolArgs, Op::Contains, {"drop"}, true)), F);
  EXPECT_EQ(world.hold(when(Field::ToolArgs, Op::Contains, {"\\u0064rop"})), T)
      << "as written, too";
  EXPECT_EQ(world.hold(when_arg("sql", Op::Glob, {"drop*"})), T);
}

// ---- Together -----------------------------------------------------------------------------------

TEST(Conditions, AllMustHoldAndFalseComesBeforeError) {
  World world = full_world();
  const auto yes = when(Field::Model, Op::Equals, {"gpt-4"});
  const auto no = when(Field::Model, Op::Equals, {"other"});
  const auto broken = when_arg("q", Op::Gt, {"1"});
  EXPECT_EQ(world.hold(std::vector<Condition>{}), T);
  EXPECT_EQ(world.hold({yes, yes}), T);
  EXPECT_EQ(world.hold({yes, no}), F);
  EXPECT_EQ(world.hold({yes, broken}), E);
  EXPECT_EQ(world.hold({broken, yes}), E);
  EXPECT_EQ(world.hold({broken, no}), F);
  EXPECT_EQ(world.hold({no, broken}), F);
}

TEST(Conditions, SeveralValuesAreJoinedByOr) {
  World world = full_world();
  EXPECT_EQ(world.hold(when(Field::Model, Op::In, {"a", "gpt-4"})), T);
  EXPECT_EQ(world.hold(when(Field::Model, Op::Glob, {"a*", "gpt-*"})), T);
  EXPECT_EQ(world.hold(when(Field::Model, Op::Glob, {"a*", "gpt-*"}, true)), F);
  EXPECT_EQ(world.hold(when(Field::Model, Op::In, {"a", "b"}, true)), T);
  EXPECT_EQ(world.hold(when(Field::FileTypes, Op::Equals, {"text/csv"}, true)), T);
  EXPECT_EQ(world.hold(when(Field::FileTypes, Op::Equals, {"image/png"}, true)), F);
}

TEST(Conditions, SayWhyTheyDoNotHoldWithoutQuotingTheConversation) {
  World world = full_world();
  world.content = "SECRETWORD";
  world.arguments = R"({"q":"SECRETWORD"})";
  struct Case {
    Condition condition;
    const char* because;
  };
  const Case cases[] = {
      {when(Field::AgentId, Op::Glob, {"basic-*"}), "agent_id: premium-1 !~ basic-*"},
      {when(Field::AgentId, Op::Glob, {"premium-*"}, true), "agent_id: premium-1 is not not_glob"},
      {when(Field::Model, Op::Equals, {"x"}), "model: gpt-4 is not equals"},
      {when(Field::Content, Op::Contains, {"x"}), "content: a value is not contains"},
      {when(Field::ToolArgs, Op::Contains, {"x"}), "tool.args: a value is not contains"},
      {when_arg("q", Op::Equals, {"x"}), "args.q: a value is not equals"},
      {when_arg("r", Op::Equals, {"x"}), "args.r: absent"},
      {when_arg("q", Op::Gt, {"1"}), "args.q: is no number"},
      {when(Field::Model, Op::Equals, {"gpt-4"}), "holds"},
  };
  for (const Case& c : cases) {
    const auto compiled = Conditions::compile(std::vector{c.condition});
    const std::string because =
        world.with_facts([&](const Facts& facts) { return compiled->because(facts); });
    EXPECT_EQ(because, c.because);
    EXPECT_THAT(because, testing::Not(HasSubstr("SECRETWORD")));
  }
  world.arguments = "no json";
  const auto compiled = Conditions::compile(std::vector{when_arg("q", Op::Equals, {"x"})});
  EXPECT_EQ(world.with_facts([&](const Facts& facts) { return compiled->because(facts); }),
            "args.q: cannot be read");
}

TEST(Conditions, SayWhatTheyNeed) {
  const auto needs = [](const Condition& c) { return *Conditions::compile(std::vector{c}); };
  EXPECT_TRUE(needs(when_arg("a", Op::Exists, {})).needs_arguments());
  EXPECT_TRUE(needs(when(Field::ToolArgs, Op::Exists, {})).needs_arguments());
  EXPECT_FALSE(needs(when(Field::ToolName, Op::Exists, {})).needs_arguments());
  EXPECT_TRUE(needs(when(Field::ToolName, Op::Exists, {})).needs_tool());
  EXPECT_TRUE(needs(when(Field::Content, Op::Exists, {})).needs_content());
  EXPECT_TRUE(needs(when(Field::UsageOutput, Op::Exists, {})).needs_usage());
  EXPECT_FALSE(needs(when(Field::Model, Op::Exists, {})).needs_usage());
}

}  // namespace
}  // namespace capsem::policy
