// What requests say, dialect by dialect, where a table row alone does not tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/codec/codec.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::Part;
using event::Point;
using test::Reading;
using test::Unchecked;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ChatRequest, facts_are_read_on_the_way) {
  Reading r;
  ASSERT_TRUE(
      r.request(Dialect::OpenAiChat,
                R"({"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true},)"
                R"("n":3,"messages":[{"role":"user","content":"a"},)"
                R"({"role":"user","content":"b"}],"tools":[{},{}],"functions":[{}]})"));
  EXPECT_EQ(r.request_facts.model, "gpt-4o");
  EXPECT_TRUE(r.request_facts.stream);
  EXPECT_TRUE(r.request_facts.include_usage);
  EXPECT_EQ(r.request_facts.choices, 3U);
  EXPECT_EQ(r.request_facts.messages, 2U);
  EXPECT_EQ(r.request_facts.tools, 3U);
  EXPECT_FALSE(r.request_facts.has_token_arrays);
}

TEST(ChatRequest, is_an_object_or_is_refused) {
  for (const std::string_view text : {"[]", "\"x\"", "1", "null"}) {
    Reading r;
    EXPECT_FALSE(r.request(Dialect::OpenAiChat, text)) << text;
  }
}

TEST(ChatRequest, all_of_a_prompt_is_one_unit_and_each_message_a_lane_R28) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiChat,
                        R"({"messages":[{"role":"system","content":"one"},)"
                        R"({"role":"user","content":[{"type":"text","text":"two "},)"
                        R"({"type":"text","text":"three"},"four"]},)"
                        R"({"role":"assistant","content":"five"}]})"));
  std::set<std::uint64_t> units, lanes;
  for (const auto& one : r.said) {
    EXPECT_EQ(one.text.point, Point::Prompt);
    units.insert(one.text.unit);
    lanes.insert(one.text.lane);
  }
  EXPECT_EQ(units.size(), 1U);
  EXPECT_EQ(r.find("two ")->text.lane, r.find("three")->text.lane) << "parts continue each other";
  EXPECT_NE(r.find("one")->text.lane, r.find("five")->text.lane);
}

// model_dump() of an answer's message, sent back (R3): nulls and empty lists say nothing.
TEST(ChatRequest, nulls_of_a_dumped_message_are_silent_R3) {
  Reading r;
  ASSERT_TRUE(
      r.request(Dialect::OpenAiChat,
                R"({"messages":[{"role":"assistant","content":null,"refusal":null,)"
                R"("annotations":[],"audio":null,"function_call":null,"tool_calls":null}]})"));
  EXPECT_THAT(r.said, IsEmpty());
  EXPECT_THAT(r.unchecked, IsEmpty());
}

TEST(ChatRequest, a_tool_result_knows_its_call_R23) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::OpenAiChat,
      R"({"messages":[{"role":"assistant","tool_calls":[{"id":"call_1","type":"function",)"
      R"("function":{"name":"contact_lookup","arguments":"{}"}}]},)"
      R"({"tool_call_id":"call_1","content":"found","role":"tool"},)"
      R"({"role":"function","name":"old","content":"legacy"}]})"));
  EXPECT_THAT(r.request_facts.tool_names, ElementsAre(Pair("call_1", "contact_lookup")));
  const auto* found = r.find("found");
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->text.point, Point::ToolResult);
  EXPECT_EQ(found->ref, "call_1");
  EXPECT_EQ(r.find("legacy")->text.unit, r.find("old")->text.unit);
  EXPECT_EQ(r.find("old")->text.part, Part::ToolName);
  EXPECT_NE(found->text.unit, r.find("legacy")->text.unit);
}

// R33: arguments already in the history, and arguments that are no JSON.
TEST(ChatRequest, calls_in_history_are_read_even_when_their_arguments_do_not_parse_R33) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiChat,
                        R"({"messages":[{"role":"assistant","tool_calls":[)"
                        R"({"id":"a","function":{"name":"f","arguments":"not json at all"}},)"
                        R"({"id":"b","function":{"name":"g","arguments":{"k":"an object"}}}]}]})"));
  const auto* broken = r.find("not json at all");
  ASSERT_NE(broken, nullptr);
  EXPECT_EQ(broken->text.point, Point::ToolCall);
  EXPECT_TRUE(broken->text.json);
  EXPECT_EQ(r.find("an object")->text.part, Part::Arguments);
  EXPECT_EQ(broken->text.unit, r.find("f")->text.unit);
  EXPECT_NE(broken->text.unit, r.find("an object")->text.unit);
}

TEST(ChatRequest, each_tool_definition_is_a_unit_with_its_parts_R20) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::OpenAiChat,
      R"({"tools":[{"type":"function","function":{"name":"alpha","description":"does a",)"
      R"("parameters":{"type":"object","properties":{"secret word":{"enum":["x y"]}}}}},)"
      R"({"type":"custom","custom":{"name":"beta","format":{"type":"grammar","grammar":)"
      R"({"syntax":"lark","definition":"start: WORD"}}}}],"functions":[{"name":"gamma"}]})"));
  EXPECT_EQ(r.find("alpha")->text.part, Part::ToolName);
  EXPECT_EQ(r.find("does a")->text.part, Part::Description);
  EXPECT_EQ(r.find("secret word")->text.part, Part::Schema);
  EXPECT_EQ(r.find("alpha")->text.unit, r.find("secret word")->text.unit);
  EXPECT_EQ(r.find("beta")->text.unit, r.find("start: WORD")->text.unit);
  std::set<std::uint64_t> units;
  for (const auto& one : r.said) units.insert(one.text.unit);
  EXPECT_EQ(units.size(), 3U);
}

TEST(ChatRequest, media_is_decoded_when_it_is_text_and_noted_when_it_is_not) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::OpenAiChat,
      R"({"messages":[{"role":"user","content":[)"
      R"({"type":"file","file":{"filename":"n.txt","file_data":"data:text/plain;base64,aGlkZGVuIHdvcmRz"}},)"
      R"({"type":"file","file":{"file_data":"data:application/json,%7B%22k%22%3A%22pct%22%7D"}},)"
      R"({"type":"file","file":{"file_data":"YmFyZSBiYXNlNjQgdGV4dA=="}},)"
      R"({"type":"file","file":{"file_data":"data:application/pdf;base64,JVBERi0xLjQ="}},)"
      R"({"type":"file","file":{"file_id":"file-123"}},)"
      R"({"type":"image_url","image_url":{"url":"https://pictures.example/a b.png"}},)"
      R"({"type":"image_url","image_url":"data:image/png;base64,iVBORw0KGgo="},)"
      R"({"type":"input_audio","input_audio":{"data":"UklGRiQAAAA=","format":"wav"}}]}]})"));
  for (const std::string_view words :
       {"hidden words", R"({"k":"pct"})", "bare base64 text", "a b.png"}) {
    EXPECT_NE(r.find(words), nullptr) << words;
  }
  EXPECT_THAT(r.unchecked,
              ElementsAre(Unchecked{"messages[0].content[3].file.file_data", "file"},
                          Unchecked{"messages[0].content[4].file.file_id", "file_id"},
                          Unchecked{"messages[0].content[5].image_url.url", "image"},
                          Unchecked{"messages[0].content[6].image_url", "image"},
                          Unchecked{"messages[0].content[7].input_audio.data", "audio"}));
}

TEST(ChatRequest, unknown_members_are_inspected_where_they_stand) {
  Reading r;
  ASSERT_TRUE(
      r.request(Dialect::OpenAiChat,
                R"({"brand new":{"deep":["raw words",4111111111111111]},)"
                R"("messages":[{"role":"tool","tool_call_id":"c","odd":"in a result"},)"
                R"({"role":"assistant","tool_calls":[{"id":"x","odd":"in a call"}]}],)"
                R"("tools":[{"odd":"in a definition"}],"account":4111111111111111,"k":7})"));
  EXPECT_EQ(r.find("brand new")->text.point, Point::Prompt);
  EXPECT_TRUE(r.find("raw words")->text.json);
  EXPECT_NE(r.find("4111111111111111"), nullptr);
  EXPECT_EQ(r.find("in a result")->text.point, Point::ToolResult);
  EXPECT_EQ(r.find("in a call")->text.point, Point::ToolCall);
  EXPECT_EQ(r.find("in a definition")->text.point, Point::ToolDefinition);
}

TEST(CompletionsRequest, token_arrays_are_noted_and_strings_beside_them_read) {
  for (const std::string_view prompt : {"[1,2,3]", "[[1,2],[3]]", R"(["some words",[4]])"}) {
    Reading r;
    ASSERT_TRUE(r.request(Dialect::OpenAiCompletions, R"({"prompt":)" + std::string(prompt) + "}"));
    EXPECT_TRUE(r.request_facts.has_token_arrays) << prompt;
    EXPECT_THAT(r.unchecked, ElementsAre(Unchecked{"prompt", "token_ids"}));
    EXPECT_EQ(r.find("some words") != nullptr, prompt.find("some") != std::string_view::npos);
  }
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiEmbeddings, R"({"input":["a b",""]})"));
  EXPECT_FALSE(r.request_facts.has_token_arrays);
}

TEST(ResponsesRequest, input_is_a_string_or_items_R5) {
  Reading text;
  ASSERT_TRUE(
      text.request(Dialect::OpenAiResponses, R"({"input":"just words","background":true})"));
  EXPECT_EQ(text.find("just words")->text.point, Point::Prompt);
  EXPECT_TRUE(text.request_facts.background);

  Reading items;
  ASSERT_TRUE(items.request(
      Dialect::OpenAiResponses,
      R"({"input":[{"role":"user","content":"easy words"},)"
      R"({"type":"function_call","call_id":"c1","id":"fc_1","name":"look","arguments":"{\"q\":\"args words\"}"},)"
      R"({"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"result words"}]},)"
      R"({"type":"mcp_call","name":"m","arguments":"{}","output":"mcp result"},)"
      R"({"type":"item_reference","id":"msg_9"},)"
      R"({"type":"never_heard_of","body":"future words"}],)"
      R"("previous_response_id":"resp_1","conversation":{"id":"conv_1"}})"));
  EXPECT_EQ(items.find("easy words")->text.point, Point::Prompt);
  EXPECT_EQ(items.find("args words")->text.point, Point::ToolCall);
  EXPECT_EQ(items.find("result words")->text.point, Point::ToolResult);
  EXPECT_EQ(items.find("result words")->ref, "c1");
  EXPECT_EQ(items.find("mcp result")->text.point, Point::ToolResult);
  EXPECT_EQ(items.find("future words")->text.point, Point::Prompt);
  EXPECT_THAT(items.request_facts.tool_names, ElementsAre(Pair("c1", "look")));
  EXPECT_THAT(items.unchecked,
              ElementsAre(Unchecked{"input[4].id", "id"},
                          Unchecked{"previous_response_id", "previous_response_id"},
                          Unchecked{"conversation.id", "id"}));
}

// R33: systemInstruction, function responses in any part; R6: lone objects, both spellings.
TEST(GeminiRequest, is_read_however_it_is_spelled_R6_R33) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::Gemini,
      R"({"system_instruction":{"parts":{"text":"system words"}},"contents":[{"parts":[)"
      R"({"functionResponse":{"name":"a","response":{"r":"first result"}}},)"
      R"({"function_response":{"name":"b","response":{"r":"second result"}}},{"text":"last"}]}],)"
      R"("tools":{"function_declarations":[{"name":"da","description":"dd"},{"name":"db"}]}})"));
  EXPECT_EQ(r.find("system words")->text.point, Point::Prompt);
  EXPECT_EQ(r.find("first result")->text.point, Point::ToolResult);
  EXPECT_EQ(r.find("second result")->text.point, Point::ToolResult);
  EXPECT_NE(r.find("first result")->text.unit, r.find("second result")->text.unit);
  EXPECT_EQ(r.find("da")->text.unit, r.find("dd")->text.unit);
  EXPECT_NE(r.find("da")->text.unit, r.find("db")->text.unit);

  Reading lone;
  ASSERT_TRUE(lone.request(Dialect::Gemini, R"({"contents":{"parts":{"text":"lone words"}}})"));
  EXPECT_NE(lone.find("lone words"), nullptr);
  EXPECT_NE(lone.find("lone words")->text.field, 65535);
}

TEST(GeminiRequest, sibling_methods_are_read_too) {
  for (const std::string_view text :
       {R"({"generateContentRequest":{"contents":[{"parts":[{"text":"the words"}]}]}})",
        R"({"content":{"parts":[{"text":"the words"}]},"taskType":"RETRIEVAL_QUERY"})",
        R"({"requests":[{"model":"m","content":{"parts":[{"text":"the words"}]}}]})"}) {
    Reading r;
    ASSERT_TRUE(r.request(Dialect::Gemini, text));
    ASSERT_NE(r.find("the words"), nullptr) << text;
    EXPECT_NE(r.find("the words")->text.field, 65535) << text;
  }
}

TEST(GeminiRequest, inline_text_is_decoded_by_the_type_beside_it) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::Gemini,
      R"({"contents":[{"parts":[{"inline_data":{"mime_type":"text/csv","data":"YSxiLHNlY3JldCB3b3Jkcw"}},)"
      R"({"inlineData":{"data":"aGVsbG8gd29ybGQ=","mimeType":"image/png"}}]}]})"));
  EXPECT_NE(r.find("secret words"), nullptr);
  EXPECT_EQ(r.find("hello world"), nullptr);
  EXPECT_THAT(r.unchecked, ElementsAre(Unchecked{"contents[0].parts[1].inlineData.data", "image"}));
}

TEST(AnthropicRequest, tool_use_and_result_are_units_that_name_each_other) {
  Reading r;
  ASSERT_TRUE(r.request(
      Dialect::Anthropic,
      R"({"system":"be kind","messages":[{"role":"assistant","content":[)"
      R"({"type":"thinking","thinking":"old thought","signature":"EqQB"},)"
      R"({"type":"redacted_thinking","data":"EmwKAhgB"},)"
      R"({"type":"tool_use","id":"toolu_1","name":"lookup","input":{"who":"call words"}}]},)"
      R"({"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":)"
      R"([{"type":"text","text":"result words"},{"type":"image","source":{"type":"base64",)"
      R"("media_type":"image/png","data":"iVBO"}}]}]}]})"));
  EXPECT_EQ(r.find("be kind")->text.point, Point::Prompt);
  EXPECT_EQ(r.find("old thought")->text.point, Point::Prompt);
  EXPECT_EQ(r.find("call words")->text.point, Point::ToolCall);
  EXPECT_EQ(r.find("call words")->text.unit, r.find("lookup")->text.unit);
  EXPECT_EQ(r.find("result words")->text.point, Point::ToolResult);
  EXPECT_EQ(r.find("result words")->ref, "toolu_1");
  EXPECT_THAT(r.request_facts.tool_names, ElementsAre(Pair("toolu_1", "lookup")));
  EXPECT_THAT(r.unchecked,
              ElementsAre(Unchecked{"messages[0].content[1].data", "data"},
                          Unchecked{"messages[1].content[0].content[1].source.data", "image"}));
}

}  // namespace
}  // namespace capsem::codec
