// What answers and stream events say, where a table row alone does not tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/codec/codec.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::Part;
using event::Point;
using test::Reading;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ChatAnswer, every_choice_is_read_in_its_own_unit_R33) {
  Reading r;
  ASSERT_TRUE(r.response(
      Dialect::OpenAiChat,
      R"({"choices":[{"index":0,"message":{"content":"first"}},)"
      R"({"index":1,"message":{"content":"second","reasoning_content":"why",)"
      R"("tool_calls":[{"id":"a","function":{"name":"look_up","arguments":"{}"}}]}}]})"));
  EXPECT_EQ(r.find("first")->text.point, Point::ModelOutput);
  EXPECT_NE(r.find("first")->text.unit, r.find("second")->text.unit);
  EXPECT_EQ(r.find("why")->text.point, Point::Thought);
  EXPECT_NE(r.find("why")->text.unit, r.find("second")->text.unit);
  EXPECT_EQ(r.find("look_up")->text.point, Point::ToolCall);
}

TEST(ChatAnswer, error_bodies_are_read_because_they_may_quote_the_prompt) {
  for (const std::size_t i : {0UL, 1UL, 2UL, 4UL, 5UL, 6UL, 7UL}) {
    for (const std::string_view body :
         {R"({"error":{"message":"quoted words","type":"invalid_request_error","code":null}})",
          R"([{"error":{"code":400,"message":"quoted words","status":"INVALID_ARGUMENT"}}])",
          R"({"type":"error","error":{"type":"x","message":"quoted words"}})",
          R"({"object":"error","message":"quoted words"})", R"("quoted words")"}) {
      Reading r;
      ASSERT_TRUE(r.response(static_cast<Dialect>(i), body));
      ASSERT_NE(r.find("quoted words"), nullptr) << body;
      EXPECT_EQ(r.find("quoted words")->text.point, Point::ModelOutput);
    }
  }
}

TEST(ChatEvent, pieces_of_one_text_share_a_lane_and_others_do_not) {
  const auto lane = [](std::string_view event) {
    Reading r;
    EXPECT_TRUE(r.event(Dialect::OpenAiChat, event));
    EXPECT_EQ(r.said.size(), 1U) << event;
    return r.said.empty() ? 0 : r.said.front().text.lane;
  };
  const auto text0 = lane(R"({"choices":[{"index":0,"delta":{"content":"a"}}]})");
  EXPECT_NE(text0, 0U);
  EXPECT_EQ(text0, lane(R"({"choices":[{"delta":{"content":"b"},"index":0}]})"));
  EXPECT_EQ(text0, lane(R"({"choices":[{"delta":{"content":"no index is 0"}}]})"));
  EXPECT_EQ(text0,
            lane(R"({"choices":[{"index":0,"delta":{"content":[{"type":"text","text":"c"}]}}]})"));
  EXPECT_NE(text0, lane(R"({"choices":[{"index":1,"delta":{"content":"d"}}]})"));
  EXPECT_NE(text0, lane(R"({"choices":[{"index":0,"delta":{"refusal":"e"}}]})"));
  EXPECT_NE(text0, lane(R"({"choices":[{"index":0,"delta":{"reasoning":"f"}}]})"));

  const auto call = [&lane](std::string_view index) {
    return lane(R"({"choices":[{"index":0,"delta":{"tool_calls":[{)" + std::string(index) +
                R"("function":{"arguments":"x"}}]}}]})");
  };
  EXPECT_EQ(call(R"("index":1,)"), call(R"("index":1,)"));
  EXPECT_NE(call(R"("index":1,)"), call(R"("index":2,)"));
  // Without an index each id is a call of its own.
  EXPECT_NE(call(R"("id":"a",)"), call(R"("id":"b",)"));
}

TEST(ChatEvent, unknown_text_is_joined_and_its_name_is_whole) {
  const std::string_view event =
      R"({"choices":[{"index":0,"delta":{"musing":"pie","more":[{"t":"ce"}]}}]})";
  Reading a, b;
  ASSERT_TRUE(a.event(Dialect::OpenAiChat, event));
  ASSERT_TRUE(b.event(Dialect::OpenAiChat, event));
  EXPECT_NE(a.find("pie")->text.lane, 0U);
  EXPECT_EQ(a.find("pie")->text.lane, b.find("pie")->text.lane);
  EXPECT_NE(a.find("pie")->text.lane, a.find("ce")->text.lane);
  EXPECT_EQ(a.find("musing")->text.lane, 0U);
}

TEST(ChatEvent, a_finished_choice_ends_its_scope_after_its_texts) {
  Reading r;
  ASSERT_TRUE(r.event(Dialect::OpenAiChat,
                      R"({"choices":[{"finish_reason":"stop","index":1,"delta":{"content":"end"}},)"
                      R"({"index":0,"delta":{"content":"on"},"finish_reason":null}]})"));
  EXPECT_THAT(r.ended, ElementsAre(r.find("end")->text.scope));
  EXPECT_NE(r.find("on")->text.scope, r.find("end")->text.scope);
  EXPECT_EQ(r.response_facts.finish_reason, "stop");
}

TEST(ChatEvent, logprobs_repeat_the_text_token_by_token) {
  Reading r;
  ASSERT_TRUE(r.event(
      Dialect::OpenAiChat,
      R"({"choices":[{"index":0,"delta":{"content":"hi!"},"logprobs":{"content":[)"
      R"({"token":"hi","logprob":-0.1,"bytes":[104,105],"top_logprobs":[)"
      R"({"token":"alt","logprob":-1,"bytes":[97,108,116]},{"token":"low","logprob":-2}]},)"
      R"({"token":"!","logprob":-0.2,"bytes":[33],"top_logprobs":[{"token":"?","logprob":-1}]}]}}]})"));
  EXPECT_EQ(r.joined(Point::ModelOutput), "hi!");
  for (const auto& one : r.said) {
    EXPECT_EQ(one.text.repeat, one.words != "hi!") << one.words;
    EXPECT_EQ(one.text.repeats_lane, 0U);
  }
  EXPECT_EQ(r.find("alt")->text.lane, r.find("?")->text.lane) << "alternatives of one rank";
  EXPECT_NE(r.find("alt")->text.lane, r.find("low")->text.lane);
}

TEST(CompletionsAnswer, names_of_top_logprobs_are_tokens) {
  Reading r;
  ASSERT_TRUE(r.response(Dialect::OpenAiCompletions,
                         R"({"choices":[{"index":0,"text":"ab","logprobs":{"tokens":["a","b"],)"
                         R"("top_logprobs":[{"x1":-0.1,"y1":-0.2},{"x2":-0.3,"y2":-0.4}]}}]})"));
  EXPECT_EQ(r.find("x1")->text.lane, r.find("x2")->text.lane);
  EXPECT_EQ(r.find("y1")->text.lane, r.find("y2")->text.lane);
  EXPECT_NE(r.find("x1")->text.lane, r.find("y1")->text.lane);
  EXPECT_TRUE(r.find("y2")->text.repeat);
}

TEST(ResponsesEvent, each_repeat_names_the_lane_of_its_deltas) {
  const auto said = [](std::string_view event, std::string_view words) {
    Reading r;
    EXPECT_TRUE(r.event(Dialect::OpenAiResponses, event));
    const auto* one = r.find(words);
    EXPECT_NE(one, nullptr) << event;
    return one == nullptr ? event::Text{} : one->text;
  };
  const auto delta = said(R"({"type":"response.output_text.delta","output_index":2,)"
                          R"("content_index":1,"delta":"the words"})",
                          "the words");
  EXPECT_FALSE(delta.repeat);
  for (
      const std::string_view event : {
          R"({"type":"response.output_text.done","output_index":2,"content_index":1,"text":"the words"})",
          R"({"type":"response.content_part.done","output_index":2,"content_index":1,)"
          R"("part":{"type":"output_text","text":"the words"}})",
          R"({"type":"response.output_item.done","output_index":2,"item":{"type":"message",)"
          R"("content":[{"type":"refusal","refusal":"no"},{"type":"output_text","text":"the words"}]}})",
          R"({"type":"response.completed","response":{"output":[{"type":"reasoning"},{"type":"x"},)"
          R"({"type":"message","content":[{"type":"x"},{"type":"output_text","text":"the words"}]}]}})",
      }) {
    const auto repeat = said(event, "the words");
    EXPECT_TRUE(repeat.repeat) << event;
    EXPECT_EQ(repeat.repeats_lane, delta.lane) << event;
    EXPECT_EQ(repeat.unit, delta.unit) << event;
    EXPECT_EQ(repeat.point, Point::ModelOutput) << event;
  }
  const auto arguments =
      said(R"({"type":"response.function_call_arguments.delta","output_index":0,)"
           R"("item_id":"fc","delta":"{\"k\":1}"})",
           "{");
  const auto done = said(R"({"type":"response.output_item.done","output_index":0,"item":)"
                         R"({"type":"function_call","arguments":"{\"k\":1}"}})",
                         "{");
  EXPECT_EQ(done.repeats_lane, arguments.lane);
  EXPECT_EQ(done.unit, arguments.unit);
  EXPECT_TRUE(arguments.json);
}

// A server that sends the whole item at once: what comes first is the original.
TEST(ResponsesEvent, a_whole_item_that_was_added_is_no_repeat) {
  Reading r;
  ASSERT_TRUE(r.event(Dialect::OpenAiResponses,
                      R"({"type":"response.output_item.added","output_index":0,"item":)"
                      R"({"type":"function_call","name":"f","arguments":"{\"a\":2}"}})"));
  for (const auto& one : r.said) {
    EXPECT_FALSE(one.text.repeat) << one.words;
    EXPECT_EQ(one.text.point, Point::ToolCall);
  }
}

TEST(ResponsesAnswer, its_echo_of_the_request_is_marked) {
  Reading r;
  ASSERT_TRUE(r.response(
      Dialect::OpenAiResponses,
      R"({"instructions":"asked words","tools":[{"type":"function","name":"t"}],)"
      R"("output":[{"type":"message","content":[{"type":"output_text","text":"said"}]}],)"
      R"("output_text":"said","text":{"format":{"type":"json_schema","name":"n n"}}})"));
  EXPECT_TRUE(r.find("asked words")->text.repeat);
  EXPECT_EQ(r.find("asked words")->text.point, Point::Prompt);
  EXPECT_TRUE(r.find("n n")->text.repeat);
  EXPECT_EQ(r.joined(Point::ModelOutput), "said");
}

TEST(ResponsesEvent, of_a_kind_nobody_knows_is_inspected) {
  Reading r;
  ASSERT_TRUE(
      r.event(Dialect::OpenAiResponses,
              R"({"type":"response.dream.delta","sequence_number":4,"delta":"new words"})"));
  EXPECT_EQ(r.find("new words")->text.point, Point::ModelOutput);
}

TEST(GeminiEvent, thoughts_and_text_are_lanes_of_their_own) {
  Reading a, b;
  ASSERT_TRUE(a.event(Dialect::Gemini,
                      R"({"candidates":[{"content":{"parts":[{"text":"hm","thought":true},)"
                      R"({"text":"out"},{"text":"put"}]}}]})"));
  ASSERT_TRUE(b.event(
      Dialect::Gemini,
      R"({"candidates":[{"index":0,"content":{"parts":[{"text":"more","thought":false}]}}]})"));
  EXPECT_EQ(a.find("hm")->text.point, Point::Thought);
  EXPECT_EQ(a.find("out")->text.lane, a.find("put")->text.lane);
  EXPECT_NE(a.find("hm")->text.lane, a.find("out")->text.lane);
  EXPECT_EQ(b.find("more")->text.lane, a.find("out")->text.lane) << "a missing index means 0";
}

TEST(GeminiEvent, partial_arguments_are_joined_by_their_path) {
  const auto read = [](std::string_view path, std::string_view value) {
    Reading r;
    EXPECT_TRUE(r.event(Dialect::Gemini,
                        R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f",)"
                        R"("partialArgs":[{"jsonPath":")" +
                            std::string(path) + R"(","stringValue":")" + std::string(value) +
                            R"(","willContinue":true}],"willContinue":true}}]}}]})"));
    const auto* one = r.find(value);
    EXPECT_NE(one, nullptr);
    return one == nullptr ? event::Text{} : one->text;
  };
  EXPECT_EQ(read("$.city", "Zu").lane, read("$.city", "rich").lane);
  EXPECT_NE(read("$.city", "Zu").lane, read("$.unit", "celsius").lane);
  EXPECT_EQ(read("$.city", "Zu").point, Point::ToolCall);
}

TEST(GeminiAnswer, function_calls_are_units_of_their_own) {
  Reading r;
  ASSERT_TRUE(r.response(Dialect::Gemini,
                         R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f",)"
                         R"("args":{"k":"v v"}}},{"functionCall":{"name":"g","args":{}}}]}}]})"));
  EXPECT_EQ(r.find("f")->text.unit, r.find("v v")->text.unit);
  EXPECT_NE(r.find("f")->text.unit, r.find("g")->text.unit);
  EXPECT_EQ(r.find("v v")->words, R"({"k":"v v"})");
  EXPECT_TRUE(r.find("v v")->text.json);
}

TEST(GeminiEvent, calls_in_different_chunks_are_units_of_their_own_even_of_one_name) {
  Reading r;
  for (const std::string_view words : {"first words", "second words"}) {
    ASSERT_TRUE(r.event(Dialect::Gemini,
                        R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"alpha",)"
                        R"("args":{"k":")" +
                            std::string(words) + R"("}}}]}}]})"));
  }
  ASSERT_EQ(r.said.size(), 4U);
  EXPECT_EQ(r.said[0].text.unit, r.said[1].text.unit);
  EXPECT_EQ(r.said[2].text.unit, r.said[3].text.unit);
  EXPECT_NE(r.said[0].text.unit, r.said[2].text.unit);
  EXPECT_EQ(r.said[1].text.lane, 0U) << "whole: no other call's arguments continue it";
}

TEST(AnthropicEvent, a_block_is_a_lane_a_scope_and_for_tools_a_unit) {
  Reading start, piece, stop;
  ASSERT_TRUE(start.event(Dialect::Anthropic,
                          R"({"type":"content_block_start","index":2,"content_block":)"
                          R"({"type":"tool_use","id":"t","name":"f","input":{}}})"));
  ASSERT_TRUE(piece.event(Dialect::Anthropic,
                          R"({"type":"content_block_delta","index":2,"delta":)"
                          R"({"type":"input_json_delta","partial_json":"{\"a"}})"));
  ASSERT_TRUE(stop.event(Dialect::Anthropic, R"({"type":"content_block_stop","index":2})"));
  ASSERT_EQ(start.said.size(), 1U) << "an empty input says nothing";
  EXPECT_EQ(start.find("f")->text.unit, piece.find("a")->text.unit);
  EXPECT_EQ(start.find("f")->text.scope, piece.find("a")->text.scope);
  EXPECT_THAT(stop.ended, ElementsAre(piece.find("a")->text.scope));
  EXPECT_TRUE(piece.find("a")->text.json);
}

TEST(AnthropicEvent, server_tool_results_come_whole) {
  Reading r;
  ASSERT_TRUE(r.event(Dialect::Anthropic,
                      R"({"type":"content_block_start","index":1,"content_block":)"
                      R"({"type":"web_search_tool_result","tool_use_id":"srv_1","content":[)"
                      R"({"type":"web_search_result","title":"a title","url":"https://x.example",)"
                      R"("encrypted_content":"RXk=","page_age":"2 days"}]}})"));
  EXPECT_EQ(r.find("a title")->text.point, Point::ToolResult);
  EXPECT_EQ(r.find("a title")->ref, "srv_1");
  EXPECT_THAT(r.unchecked, ElementsAre(test::Unchecked{"content_block.content[0].encrypted_content",
                                                       "encrypted_content"}));
}

TEST(AnthropicEvent, without_a_type_goes_by_its_event_line) {
  Reading r;
  ASSERT_TRUE(r.event(Dialect::Anthropic,
                      R"({"index":0,"delta":{"type":"text_delta","text":"words"}})",
                      "content_block_delta"));
  EXPECT_NE(r.find("words")->text.field, 65535);
}

TEST(Usage, is_read_from_every_providers_names) {
  struct Case {
    Dialect dialect;
    std::string_view body;
  };
  for (const Case& c : {
           Case{Dialect::OpenAiChat,
                R"({"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12}})"},
           Case{Dialect::OpenAiResponses,
                R"({"usage":{"input_tokens":7,"output_tokens":5,"total_tokens":12}})"},
           Case{Dialect::Gemini,
                R"({"usageMetadata":{"promptTokenCount":7,"candidatesTokenCount":3,)"
                R"("thoughtsTokenCount":2,"totalTokenCount":12}})"},
           Case{Dialect::Anthropic, R"({"usage":{"input_tokens":4,"cache_read_input_tokens":2,)"
                                    R"("cache_creation_input_tokens":1,"output_tokens":5}})"},
       }) {
    Reading r;
    ASSERT_TRUE(r.response(c.dialect, c.body));
    EXPECT_TRUE(r.response_facts.usage.known);
    EXPECT_EQ(r.response_facts.usage.input_tokens, 7U) << c.body;
    EXPECT_EQ(r.response_facts.usage.output_tokens, 5U) << c.body;
    EXPECT_EQ(r.response_facts.usage.total_tokens, 12U) << c.body;
    EXPECT_THAT(r.said, IsEmpty());
  }
  Reading r;
  ASSERT_TRUE(r.event(Dialect::OpenAiChat, R"({"choices":[],"usage":null})"));
  EXPECT_FALSE(r.response_facts.usage.known);
}

TEST(OpaqueFields, are_read_as_soon_as_they_do_not_look_it) {
  Reading r;
  ASSERT_TRUE(r.response(Dialect::OpenAiChat,
                         R"({"id":"words in an id","object":"chat.completion","choices":[],)"
                         R"("usage":{"a note":"words in usage"}})"));
  EXPECT_NE(r.find("words in an id"), nullptr);
  EXPECT_NE(r.find("words in usage"), nullptr);
  EXPECT_EQ(r.find("chat.completion"), nullptr);
  Reading vector;
  ASSERT_TRUE(
      vector.response(Dialect::OpenAiEmbeddings,
                      R"({"data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]},)"
                      R"({"embedding":"AACAPwAAAEA="}]})"));
  EXPECT_THAT(vector.said, IsEmpty());
  EXPECT_THAT(vector.unchecked, IsEmpty());
}

}  // namespace
}  // namespace capsem::codec
