// Data flow and tool pinning (T18): what is remembered, and what it is compared with.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/policy/flow_rules.h"
#include "core/policy/pins.h"

namespace capsem::policy {
namespace {

using event::Part;
using event::Point;

// ---- Where values come from ---------------------------------------------------------------------

TEST(Tainted, AValueIsTaintedWhenAToolResultSaidItFirst) {
  struct Case {
    const char* name;
    std::vector<Tainted::Sighting> sightings;
    bool tainted;
  };
  for (const Case& c : {
           Case{"nobody said it", {}, false},
           {"only the tool", {{7, 3, Point::ToolResult}}, true},
           {"the user first", {{7, 1, Point::Prompt}, {7, 3, Point::ToolResult}}, false},
           {"the user later", {{7, 4, Point::Prompt}, {7, 3, Point::ToolResult}}, true},
           {"a call first", {{7, 2, Point::ToolCall}, {7, 3, Point::ToolResult}}, false},
           {"two tools", {{7, 3, Point::ToolResult}, {7, 5, Point::ToolResult}}, true},
           {"another value", {{8, 3, Point::ToolResult}}, false},
           {"no value", {{0, 3, Point::ToolResult}}, false},
       }) {
    Tainted tainted;
    tainted.learn(c.sightings);
    EXPECT_EQ(tainted.holds(7), c.tainted) << c.name;
    EXPECT_FALSE(tainted.holds(0)) << c.name;
  }
}

TEST(Tainted, OnlyWhatComesLaterIsConcerned) {
  Tainted tainted;
  tainted.learn({{7, 3, Point::ToolResult}});
  EXPECT_FALSE(tainted.holds(7, 2));
  EXPECT_FALSE(tainted.holds(7, 3));
  EXPECT_TRUE(tainted.holds(7, 4));
}

TEST(ValueDigest, SpellingAsideOneValueIsOneValue) {
  using detect::value_digest;
  for (const char* same :
       {"4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111", "4111.1111.1111.1111"}) {
    EXPECT_EQ(value_digest(same, 5), value_digest("4111111111111111", 5)) << same;
  }
  EXPECT_EQ(value_digest("Jane@Example.com", 5), value_digest("jane@example.COM", 5));
  EXPECT_NE(value_digest("4111111111111112", 5), value_digest("4111111111111111", 5));
  EXPECT_NE(value_digest("4111111111111111", 6), value_digest("4111111111111111", 5));
  EXPECT_NE(value_digest("", 5), 0u);
}

// ---- Where they may go --------------------------------------------------------------------------

struct FlowCase {
  const char *name, *tool, *arguments;
  bool complete, violated;
};

FlowPolicy flow_policy(std::vector<std::string> tools, std::vector<std::string> hosts) {
  FlowPolicy policy;
  policy.entities[0] = true;
  for (std::string& tool : tools) policy.tools_allow.push_back({std::move(tool), {}});
  for (std::string& host : hosts) policy.hosts_allow.push_back({std::move(host), {}});
  return policy;
}

bool violated(const FlowPolicy& policy, const FlowCase& c, const Hit& hit,
              event::Phase phase = event::Phase::Response) {
  EntityRules rules{};
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i] = static_cast<detect::RuleId>(i + 10);
  Tainted tainted;
  tainted.learn({{7, 3, Point::ToolResult}});
  const auto flow = FlowRules::compile(policy, rules);
  EXPECT_TRUE(flow);
  const Unit call{.point = Point::ToolCall, .phase = phase, .tool_name = c.tool, .hits = {hit}};
  Arguments arguments(c.arguments);
  return flow->violated(call, tainted, c.complete ? &arguments : nullptr) != nullptr;
}

TEST(FlowRules, AValueMayGoToTheToolsAndHostsThatAreNamed) {
  const Hit hit{.rule = 10, .value = 7};
  const auto nowhere = flow_policy({}, {});
  EXPECT_TRUE(violated(nowhere, {"", "mail", "{}", true, true}, hit));
  EXPECT_TRUE(violated(nowhere, {"", "mail", "{}", false, true}, hit)) << "no need to wait";
  EXPECT_FALSE(violated(nowhere, {"", "mail", "{}", true, true}, {.rule = 10, .value = 8}));
  EXPECT_FALSE(violated(nowhere, {"", "mail", "{}", true, true}, {.rule = 10, .value = 0}));
  EXPECT_FALSE(violated(nowhere, {"", "mail", "{}", true, true}, {.rule = 11, .value = 7}))
      << "an entity it does not follow";

  const auto some = flow_policy({"crm_*"}, {"*.acme.com"});
  for (const FlowCase& c : {
           FlowCase{"a named tool", "crm_write", "{}", true, false},
           {"another tool without a URL", "mail", "{}", true, true},
           {"a named host", "http", R"({"u":"https://api.acme.com/x"})", true, false},
           {"another host", "http", R"({"u":"https://evil.com/x"})", true, true},
           {"both", "http", R"({"u":"https://api.acme.com","v":"https://evil.com"})", true, true},
           {"a user name", "http", R"({"u":"https://api.acme.com@evil.com"})", true, true},
           {"a quote", "http", R"({"u":"https://api.acme.com'@evil.com"})", true, true},
           {"not yet whole", "http", "", false, false},
           {"a tool without a name", "", "{}", true, true},
       }) {
    EXPECT_EQ(violated(some, c, hit), c.violated) << c.name;
  }
}

TEST(FlowRules, ACallOfTheHistoryIsConcernedOnlyBehindTheResult) {
  const FlowCase call{"", "mail", "{}", true, true};
  const auto nowhere = flow_policy({}, {});
  for (const std::uint32_t place : {1u, 3u}) {
    EXPECT_FALSE(
        violated(nowhere, call, {.rule = 10, .place = place, .value = 7}, event::Phase::Request));
  }
  EXPECT_TRUE(violated(nowhere, call, {.rule = 10, .place = 4, .value = 7}, event::Phase::Request));
  EXPECT_TRUE(violated(nowhere, call, {.rule = 10, .place = 1, .value = 7}))
      << "an answer's call comes last, wherever it counts from";
}

// ---- Digests of definitions ---------------------------------------------------------------------

std::string digest(std::string_view name, std::string_view description, std::string_view schema,
                   std::string_view more = "") {
  DefinitionDigest made;
  event::Text text;
  text.point = Point::ToolDefinition;
  const auto add = [&](Part part, std::string_view value) {
    text.part = part;
    text.text = value;
    if (!value.empty()) made.add(text);
  };
  add(Part::ToolName, name);
  add(Part::Description, description);
  add(Part::Schema, schema);
  add(Part::Schema, more);
  wire::JsonReader reader;
  return made.finish(reader);
}

TEST(DefinitionDigest, DoesNotChangeWithTheSpellingOfTheSchema) {
  const std::string original = digest("t", "d", R"({"type":"object","properties":{"a":{"x":1}}})");
  EXPECT_EQ(original.size(), 64u);
  for (const char* same : {
           R"({"properties":{"a":{"x":1}},"type":"object"})",
           "{ \"type\" : \"object\",\n\t\"properties\": { \"a\": {\"x\":1} } }",
           R"({"type":"\u006fbject","properties":{"\u0061":{"x":1}}})",
       }) {
    EXPECT_EQ(digest("t", "d", same), original) << same;
  }
}

TEST(DefinitionDigest, ChangesWithAnythingElse) {
  const std::string schema = R"({"type":"object","enum":["a","b"]})";
  const std::string original = digest("t", "Reads a file.", schema);
  for (const std::string& other : {
           digest("u", "Reads a file.", schema),
           digest("t", "Reads a file!", schema),
           digest("t", "reads a file.", schema),
           digest("t", "Reads a file. ", schema),
           digest("tR", "eads a file.", schema),
           digest("t", "Reads a file.", R"({"type":"object","enum":["b","a"]})"),
           digest("t", "Reads a file.", R"({"type":"object","enum":["a","b","c"]})"),
           digest("t", "Reads a file.", R"({"type":"object","enum":["a","b"],"x":null})"),
           digest("t", "Reads a file.", R"({"type":"object","enum":"[a,b]"})"),
           digest("t", "Reads a file.", schema, "true"),
           digest("t", "Reads a file.", ""),
           digest("t", "", schema),
           digest("t", "Reads a file.", "no json"),
       }) {
    EXPECT_NE(other, original);
  }
  EXPECT_NE(digest("t", "", "1"), digest("t", "", "\"1\"")) << "a number is no string";
  EXPECT_NE(digest("t", "", R"({"a":1})"), digest("t", "", R"(["a",1])"));
  EXPECT_NE(digest("t", "", "{x"), digest("t", "", "{ x")) << "what is no JSON is taken as it is";
}

}  // namespace
}  // namespace capsem::policy
