#include "server/store/review_texts.h"

#include "tests/unit/store/approvals_fixture.h"

namespace capsem::store {
namespace {

using audit::ContentLevel;

std::string mask(std::string_view text) {
  return "<" + std::string(text) + ">";
}

TEST(Previews, ShowWhatTheTenantsLevelAllows) {
  const std::vector<audit::KeptText> texts{
      {.point = event::Point::Prompt, .phase = event::Phase::Request, .tool = "", .text = "hello"},
      {.point = event::Point::ToolCall,
       .phase = event::Phase::Response,
       .tool = "mail",
       .text = "{}"}};
  EXPECT_EQ(preview_json(texts, ContentLevel::None, mask, 100), "");
  EXPECT_EQ(preview_json(texts, ContentLevel::Hash, mask, 100), "");
  EXPECT_EQ(preview_json(texts, ContentLevel::Redacted, {}, 100), "");
  EXPECT_EQ(preview_json({}, ContentLevel::Full, mask, 100), "");
  EXPECT_EQ(preview_json(texts, ContentLevel::Full, mask, 100),
            R"([{"point":"prompt","phase":"input","text":"hello"},)"
            R"({"point":"tool_call","phase":"output","tool":"mail","text":"{}"}])");
  EXPECT_EQ(preview_json(texts, ContentLevel::Redacted, mask, 100),
            R"([{"point":"prompt","phase":"input","text":"<hello>"},)"
            R"({"point":"tool_call","phase":"output","tool":"mail","text":"<{}>"}])");
}

TEST(Previews, AreBoundedAndCutAtACharacter) {
  const std::vector<audit::KeptText> texts(2, {.point = event::Point::Prompt,
                                               .phase = event::Phase::Request,
                                               .tool = "",
                                               .text = "ab\xc3\xa9"});
  const std::string one = R"({"point":"prompt","phase":"input","text":"ab)";
  EXPECT_EQ(preview_json(texts, ContentLevel::Full, {}, 4), "[" + one + "\xc3\xa9\"}]");
  EXPECT_EQ(preview_json(texts, ContentLevel::Full, {}, 3), "[" + one + R"(","cut":true}])");
  EXPECT_EQ(preview_json(texts, ContentLevel::Full, {}, 6),
            "[" + one + "\xc3\xa9\"}," + one + R"(","cut":true}])");
}

TEST(ReviewTexts, RulesSurviveTheirWayThroughTheDatabase) {
  std::vector<policy::Decision> decisions{a_decision("b", "2"), a_decision("a\"\\\n", "1"),
                                          a_decision("b", "2"), a_decision("b", "1")};
  const Rules rules{{"a\"\\\n", "1"}, {"b", "1"}, {"b", "2"}};
  EXPECT_EQ(rules_of(decisions), rules);
  EXPECT_EQ(rules_of_json(violations_json(decisions)), rules);
  EXPECT_TRUE(rules_of_json("[]").empty());
  EXPECT_TRUE(rules_of_json("no JSON").empty());
}

TEST(ReviewTexts, NoRuleIsLeftOutOfManyViolations) {
  std::vector<policy::Decision> decisions(500, a_decision("pii", "EMAIL_ADDRESS"));
  for (int i = 0; i < 300; ++i) decisions.push_back(a_decision("p", std::to_string(i)));
  const std::string json = violations_json(decisions);
  EXPECT_EQ(rules_of_json(json), rules_of(decisions));
  EXPECT_LT(json.size(), 100'000u);
}

TEST(ReviewTexts, AnswersHeadsSurviveToo) {
  const tenant::KeptAnswer answer{
      .status = 201, .content_type = "text/\"x\"", .streamed = true, .body = "b"};
  const auto read = answer_from(answer_head_json(answer), "b");
  EXPECT_EQ(read.status, 201);
  EXPECT_EQ(read.content_type, "text/\"x\"");
  EXPECT_TRUE(read.streamed);
  EXPECT_EQ(read.body, "b");
  EXPECT_EQ(answer_from("no JSON", "b").status, 0);
}

}  // namespace
}  // namespace capsem::store
