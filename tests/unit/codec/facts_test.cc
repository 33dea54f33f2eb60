// What a request says about itself beside its texts: turns, attachments, limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::kNoMessage;
using test::Reading;
using testing::IsEmpty;

constexpr std::string_view kChatTurns =
    R"({"messages":[{"role":"user","content":"old words"},{"role":"assistant","content":"said"},)"
    R"({"role":"user","content":"new words"},{"role":"user","content":[{"type":"text",)"
    R"("text":"more words"}]}],"tools":[{"function":{"name":"t t"}}],"stop":"halt now"})";

TEST(Messages, each_text_knows_the_element_it_stands_in) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiChat, kChatTurns));
  EXPECT_EQ(r.find("old words")->text.message, 0U);
  EXPECT_EQ(r.find("said")->text.message, 1U);
  EXPECT_EQ(r.find("new words")->text.message, 2U);
  EXPECT_EQ(r.find("more words")->text.message, 3U);
  EXPECT_EQ(r.find("t t")->text.message, kNoMessage);
  EXPECT_EQ(r.find("halt now")->text.message, kNoMessage);
}

TEST(Messages, a_member_nobody_knows_stands_in_its_element_too) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiChat,
                        R"({"messages":[{"content":"a"},{"new name":{"deep":"new words"}}]})"));
  EXPECT_EQ(r.find("new words")->text.message, 1U);
  EXPECT_EQ(r.find("new name")->text.message, 1U);
}

TEST(Messages, an_answer_has_none) {
  Reading r;
  ASSERT_TRUE(r.response(Dialect::OpenAiChat,
                         R"({"choices":[{"index":0,"message":{"content":"said words"}}]})"));
  EXPECT_EQ(r.find("said words")->text.message, kNoMessage);
}

TEST(Messages, are_counted_in_every_dialects_own_array) {
  struct Case {
    Dialect dialect;
    std::string_view body;
    std::uint32_t message;
  };
  for (
      const Case& c : {
          Case{Dialect::OpenAiChat, R"({"messages":[{},{"content":"the words"}]})", 1},
          Case{Dialect::OpenAiResponses, R"({"input":"the words"})", 0},
          Case{Dialect::OpenAiResponses, R"({"input":["x y","the words"]})", 1},
          Case{Dialect::OpenAiResponses,
               R"({"input":[{"role":"user","content":"x y"},{"type":"function_call_output",)"
               R"("output":[{"type":"input_text","text":"the words"}]}]})",
               1},
          Case{Dialect::OpenAiResponses, R"({"instructions":"the words"})", kNoMessage},
          Case{Dialect::OpenAiCompletions, R"({"prompt":["x","the words"]})", 1},
          Case{Dialect::OpenAiEmbeddings, R"({"input":"the words"})", 0},
          Case{Dialect::Gemini, R"({"contents":[{},{"parts":[{"text":"the words"}]}]})", 1},
          Case{Dialect::Gemini, R"({"contents":{"parts":{"text":"the words"}}})", 0},
          Case{Dialect::Gemini, R"({"content":{"parts":[{"text":"the words"}]}})", 0},
          Case{Dialect::Gemini, R"({"system_instruction":{"parts":[{"text":"the words"}]}})",
               kNoMessage},
          Case{
              Dialect::Gemini,
              R"({"generateContentRequest":{"contents":[{},{},{"parts":[{"text":"the words"}]}]}})",
              2},
          Case{Dialect::Gemini, R"({"requests":[{},{"content":{"parts":[{"text":"the words"}]}}]})",
               1},
          Case{Dialect::GeminiInteractions,
               R"({"input":[{"type":"text","text":"x"},{"type":"text","text":"the words"}]})", 1},
          Case{Dialect::Anthropic,
               R"({"messages":[{},{"content":[{"type":"tool_result","content":"the words"}]}]})",
               1},
          Case{Dialect::Anthropic, R"({"system":[{"type":"text","text":"the words"}]})",
               kNoMessage},
          Case{Dialect::AnthropicComplete, R"({"prompt":"the words"})", 0},
      }) {
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, c.body)) << c.body;
    ASSERT_NE(r.find("the words"), nullptr) << c.body;
    EXPECT_EQ(r.find("the words")->text.message, c.message) << c.body;
  }
}

// scope = "latest_turn" is what follows the last answer.
TEST(LatestTurn, begins_after_the_last_element_of_the_model) {
  struct Case {
    Dialect dialect;
    std::string_view body;
    std::uint32_t begin;
  };
  for (const Case& c : {
           Case{Dialect::OpenAiChat, R"({"messages":[]})", 0},
           Case{Dialect::OpenAiChat, R"({"messages":[{"role":"system"},{"role":"user"}]})", 0},
           Case{Dialect::OpenAiChat, kChatTurns, 2},
           Case{Dialect::OpenAiChat,
                R"({"messages":[{"role":"user"},{"role":"assistant","tool_calls":[]},)"
                R"({"role":"tool"},{"role":"tool"}]})",
                2},
           // A prefill is new: it belongs to the turn it ends, so that nothing hides before it.
           Case{Dialect::OpenAiChat, R"({"messages":[{"role":"user"},{"role":"assistant"}]})", 0},
           Case{Dialect::Anthropic,
                R"({"messages":[{"role":"user"},{"role":"assistant"},{"role":"user"},)"
                R"({"role":"assistant"},{"role":"assistant"}]})",
                2},
           Case{Dialect::Anthropic,
                R"({"messages":[{"role":"user"},{"role":"assistant"},{"role":"user"}]})", 2},
           Case{Dialect::Gemini,
                R"({"contents":[{"role":"user"},{"role":"model"},{"role":"function"}]})", 2},
           Case{Dialect::Gemini, R"({"contents":{"role":"model"}})", 0},
           Case{Dialect::OpenAiResponses, R"({"input":"words"})", 0},
           Case{Dialect::OpenAiResponses,
                R"({"input":[{"role":"user"},{"type":"reasoning"},{"type":"function_call"},)"
                R"({"type":"function_call_output"}]})",
                3},
           Case{Dialect::OpenAiResponses,
                R"({"input":[{"role":"user"},{"type":"web_search_call"},{"role":"assistant",)"
                R"("type":"message"},{"type":"message","role":"user"}]})",
                3},
           // A role decides: a user's message does not become the model's by its type.
           Case{Dialect::OpenAiChat,
                R"({"messages":[{"role":"user","type":"reasoning"},{"role":"user"}]})", 0},
           Case{Dialect::GeminiInteractions,
                R"({"input":[{"type":"user_input"},{"type":"thought"},{"type":"function_call"},)"
                R"({"type":"function_result"}]})",
                3},
           Case{Dialect::GeminiInteractions,
                R"({"input":[{"role":"user"},{"role":"model"},{"role":"user"}]})", 2},
       }) {
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, c.body)) << c.body;
    EXPECT_EQ(r.request_facts.turn_begin, c.begin) << c.body;
  }
}

// Which of two conversations is read is the provider's secret: neither loses its turn.
TEST(LatestTurn, of_two_conversations_is_the_longer) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::Gemini,
                        R"({"contents":[{"role":"user"},{"role":"model"},{"role":"user"}],)"
                        R"("generateContentRequest":{"contents":[{"role":"user"}]}})"));
  EXPECT_EQ(r.request_facts.turn_begin, 0U);
  EXPECT_EQ(r.request_facts.messages, 4U);
}

TEST(OutputMax, is_read_from_every_dialects_member) {
  struct Case {
    Dialect dialect;
    std::string_view body;
    std::uint64_t tokens;
  };
  for (const Case& c : {
           Case{Dialect::OpenAiChat, R"({"max_tokens":7})", 7},
           Case{Dialect::OpenAiChat, R"({"max_completion_tokens":7,"max_tokens":3})", 7},
           Case{Dialect::OpenAiChat, R"({"max_tokens":null})", 0},
           Case{Dialect::OpenAiChat, R"({"max_tokens":-1})", 0},
           Case{Dialect::OpenAiChat, R"({})", 0},
           Case{Dialect::OpenAiCompletions, R"({"max_tokens":7})", 7},
           Case{Dialect::OpenAiResponses, R"({"max_output_tokens":7})", 7},
           Case{Dialect::Gemini, R"({"generationConfig":{"maxOutputTokens":7}})", 7},
           Case{Dialect::Gemini, R"({"generation_config":{"max_output_tokens":7}})", 7},
           Case{Dialect::GeminiInteractions, R"({"generation_config":{"max_output_tokens":7}})", 7},
           Case{Dialect::Anthropic, R"({"max_tokens":7})", 7},
           Case{Dialect::AnthropicComplete, R"({"max_tokens_to_sample":7})", 7},
       }) {
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, c.body)) << c.body;
    EXPECT_EQ(r.request_facts.output_tokens_max, c.tokens) << c.body;
  }
}

TEST(Attachments, are_told_as_images_and_files_with_their_types_R41) {
  struct Case {
    Dialect dialect;
    std::string_view message;  // of the dialect's own array
    bool images, files;
    std::vector<std::string> types;
  };
  using enum Dialect;
  for (
      const Case& c : {
          Case{OpenAiChat,
               R"({"role":"user","content":"data:image/png;base64,AAAA a.pdf"})",
               false,
               false,
               {}},
          Case{OpenAiChat, R"({"content":[{"type":"text","text":"x"}]})", false, false, {}},
          Case{OpenAiChat,
               R"({"content":[{"type":"image_url","image_url":{"url":"https://x.example/a"}}]})",
               true,
               false,
               {}},
          Case{
              OpenAiChat,
              R"({"content":[{"type":"image_url","image_url":{"url":"https://x.example/a.PNG?b=c.pdf"}}]})",
              true,
              false,
              {"image/png"}},
          Case{
              OpenAiChat,
              R"({"content":[{"type":"image_url","image_url":{"url":"data:image/webp;base64,AAAA"}},)"
              R"({"type":"image_url","image_url":{"url":"data:image/GIF;base64,AAAA"}},)"
              R"({"type":"image_url","image_url":{"url":"data:image/gif;base64,BBBB"}}]})",
              true,
              false,
              {"image/gif", "image/webp"}},
          Case{OpenAiChat,
               R"({"content":[{"type":"file","file":{"file_id":"file-1"}}]})",
               false,
               true,
               {}},
          Case{OpenAiChat,
               R"({"content":[{"type":"file","file":{"filename":"a.pdf","file_data":"AAAA"}}]})",
               false,
               true,
               {"application/pdf"}},
          Case{OpenAiChat, R"({"content":[{"type":"file","file":{}}]})", false, true, {}},
          Case{
              OpenAiChat,
              R"({"content":[{"type":"input_audio","input_audio":{"data":"AAAA","format":"wav"}}]})",
              false,
              true,
              {"audio/wav"}},
          Case{
              OpenAiChat,
              R"({"role":"tool","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]})",
              true,
              false,
              {"image/png"}},
          Case{OpenAiResponses,
               R"({"role":"user","content":[{"type":"input_image","file_id":"f"}]})",
               true,
               false,
               {}},
          Case{
              OpenAiResponses,
              R"({"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,AAAA"},)"
              R"({"type":"input_file","filename":"b.csv","file_id":"f"}]})",
              true,
              true,
              {"image/png", "text/csv"}},
          Case{
              OpenAiResponses,
              R"({"role":"user","content":[{"type":"input_file","file_url":"https://x.example/b.docx"}]})",
              false,
              true,
              {"application/vnd.openxmlformats-officedocument.wordprocessingml.document"}},
          Case{
              OpenAiResponses,
              R"({"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"https://x.example/"}})",
              true,
              false,
              {}},
          Case{Gemini,
               R"({"parts":[{"inlineData":{"mimeType":"image/jpeg","data":"AAAA"}}]})",
               true,
               false,
               {"image/jpeg"}},
          Case{Gemini,
               R"({"parts":[{"inline_data":{"mime_type":"application/pdf; x=y","data":"AAAA"}}]})",
               false,
               true,
               {"application/pdf"}},
          Case{
              Gemini,
              R"({"parts":[{"fileData":{"fileUri":"https://x.example/files/1","mimeType":"video/mp4"}}]})",
              false,
              true,
              {"video/mp4"}},
          Case{
              Gemini,
              R"({"parts":[{"functionResponse":{"name":"f","parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}}]})",
              true,
              false,
              {"image/png"}},
          Case{
              Anthropic,
              R"({"content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AAAA"}}]})",
              true,
              false,
              {"image/png"}},
          Case{Anthropic,
               R"({"content":[{"type":"image","source":{"type":"file","file_id":"f"}}]})",
               true,
               false,
               {}},
          Case{
              Anthropic,
              R"({"content":[{"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AAAA"}}]})",
              false,
              true,
              {"application/pdf"}},
          Case{
              Anthropic,
              R"({"content":[{"type":"document","source":{"type":"content","content":"words here"}}]})",
              false,
              true,
              {}},
          Case{
              Anthropic,
              R"({"content":[{"type":"tool_result","content":[{"type":"document","source":{"type":"content","content":"words"}}]}]})",
              false,
              true,
              {}},
          Case{GeminiInteractions,
               R"({"type":"image","mime_type":"image/png","data":"AAAA"})",
               true,
               false,
               {"image/png"}},
          Case{GeminiInteractions,
               R"({"type":"document","uri":"https://x.example/a.pdf"})",
               false,
               true,
               {"application/pdf"}},
      }) {
    const std::string_view array = c.dialect == OpenAiResponses || c.dialect == GeminiInteractions
                                       ? "input"
                                   : c.dialect == Gemini ? "contents"
                                                         : "messages";
    const std::string body = "{\"" + std::string(array) + "\":[" + std::string(c.message) + "]}";
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, body)) << body;
    EXPECT_EQ(r.request_facts.has_images, c.images) << body;
    EXPECT_EQ(r.request_facts.has_files, c.files) << body;
    EXPECT_EQ(r.request_facts.file_types, c.types) << body;
  }
}

TEST(Attachments, of_an_answer_are_no_facts_of_its_request) {
  Reading r;
  ASSERT_TRUE(r.response(Dialect::Gemini, R"({"candidates":[{"content":{"parts":[{"inlineData":)"
                                          R"({"mimeType":"image/png","data":"AAAA"}}]}}]})"));
  EXPECT_FALSE(r.request_facts.has_images);
  EXPECT_THAT(r.request_facts.file_types, IsEmpty());
}

// Types are the client's words: their number is bounded.
TEST(Attachments, tell_at_most_256_types) {
  for (const int count : {256, 257}) {
    std::string parts;
    for (int i = 0; i < count; ++i) {
      if (i > 0) parts += ',';
      parts += R"({"inlineData":{"mimeType":"application/x)" + std::to_string(i) +
               R"(","data":"AAAA"}})";
    }
    Reading r;
    ASSERT_TRUE(r.request(Dialect::Gemini, R"({"contents":[{"parts":[)" + parts + "]}]}"));
    EXPECT_EQ(r.request_facts.file_types.size(), 256U);
  }
}

}  // namespace
}  // namespace capsem::codec
