// Usage of streams that did not ask for it (R64): asked for on the way up, hidden on the way down.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <string_view>

#include "core/codec/codec.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using test::Reading;

// Keeps the padded text that a reader's views point into.
class Parsed {
 public:
  explicit Parsed(std::string_view text) : padded_(text) {
    padded_.append(wire::JsonReader::kPadding, ' ');
    EXPECT_TRUE(json.parse(std::string_view(padded_).substr(0, text.size()))) << text;
  }
  wire::JsonReader json;

 private:
  std::string padded_;
};

std::string edited(std::string_view body, const BodyEdit& edit) {
  std::string out(body);
  out.replace(edit.offset, edit.size, edit.text);
  return out;
}

TEST(AskForUsage, adds_the_option_and_leaves_every_other_byte_R64) {
  struct Case {
    std::string_view body, asking;
  };
  for (
      const Case& c : {
          Case{R"({"model":"m","stream":true})",
               R"({"stream_options":{"include_usage":true},"model":"m","stream":true})"},
          Case{" {\n \"stream\" : true }",
               " {\"stream_options\":{\"include_usage\":true},\n \"stream\" : true }"},
          Case{R"({"stream":true,"stream_options":null,"n":2})",
               R"({"stream":true,"stream_options":{"include_usage":true},"n":2})"},
          Case{R"({"stream":true,"stream_options":{}})",
               R"({"stream":true,"stream_options":{"include_usage":true}})"},
          Case{
              R"({"stream":true,"stream_options":{ "include_obfuscation":false }})",
              R"({"stream":true,"stream_options":{"include_usage":true, "include_obfuscation":false }})"},
          Case{R"({"stream":true,"stream_options":{"include_usage":false,"x":1}})",
               R"({"stream":true,"stream_options":{"include_usage":true,"x":1}})"},
          Case{R"({"stream":true,"stream_options":{"include_usage":null}})",
               R"({"stream":true,"stream_options":{"include_usage":true}})"},
          // A name is what it spells.
          Case{R"({"stream":true,"stream_opti\u006fns":{}})",
               R"({"stream":true,"stream_opti\u006fns":{"include_usage":true}})"},
      }) {
    for (const Dialect dialect : {Dialect::OpenAiChat, Dialect::OpenAiCompletions}) {
      Parsed parsed(c.body);
      const auto edit = codec_for(dialect).ask_for_usage(parsed.json);
      ASSERT_TRUE(edit) << c.body;
      const std::string asking = edited(c.body, *edit);
      EXPECT_EQ(asking, c.asking);
      Reading r;
      ASSERT_TRUE(r.request(dialect, asking)) << asking;
      EXPECT_TRUE(r.request_facts.include_usage);
      Parsed again(asking);
      EXPECT_FALSE(codec_for(dialect).ask_for_usage(again.json)) << "it asks already";
    }
  }
}

TEST(AskForUsage, leaves_alone_what_needs_it_not_or_cannot_be_asked) {
  for (const std::string_view body :
       {R"({"model":"m"})", R"({"stream":false})", R"({"stream":null})", R"({"stream":"true"})",
        R"({"stream":true,"stream_options":{"include_usage":true}})",
        R"({"stream":true,"stream_options":[]})", R"({"stream":true,"stream_options":"x"})",
        R"([{"stream":true}])"}) {
    Parsed parsed(body);
    EXPECT_FALSE(codec_for(Dialect::OpenAiChat).ask_for_usage(parsed.json)) << body;
  }
}

TEST(AskForUsage, concerns_chat_and_completions_alone) {
  Parsed request(R"({"stream":true})");
  Parsed event(R"({"choices":[],"usage":null})");
  for (std::size_t i = 0; i < kDialectCount; ++i) {
    const auto dialect = static_cast<Dialect>(i);
    const bool asks = dialect == Dialect::OpenAiChat || dialect == Dialect::OpenAiCompletions;
    EXPECT_EQ(codec_for(dialect).ask_for_usage(request.json).has_value(), asks);
    const UsageTrace trace = codec_for(dialect).usage_trace(event.json);
    EXPECT_EQ(trace.member.end > trace.member.begin, asks);
  }
}

// What a provider sends with and without include_usage.
TEST(UsageTrace, cut_from_an_event_leaves_what_would_have_been_sent_R64) {
  struct Case {
    std::string_view with, without;
  };
  for (const Case& c : {
           Case{R"({"id":"c","choices":[{"index":0,"delta":{"content":"a"}}],"usage":null})",
                R"({"id":"c","choices":[{"index":0,"delta":{"content":"a"}}]})"},
           Case{R"({"id":"c","usage":null,"choices":[{"delta":{"usage":null}}],"obfuscation":"x"})",
                R"({"id":"c","choices":[{"delta":{"usage":null}}],"obfuscation":"x"})"},
           Case{R"({"usage":null,"id":"c"})", R"({"id":"c"})"},
           Case{R"({"usage":null})", R"({})"},
           Case{R"({"a":{"b":[1,2]}, "usage": null, "id": "c"})",
                R"({"a":{"b":[1,2]}, "id": "c"})"},
           Case{"{\n  \"usage\": null,\n  \"id\": 1\n}", "{\n  \"id\": 1\n}"},
           Case{"{\n  \"id\": 1,\n  \"usage\": null\n}", "{\n  \"id\": 1\n}"},
           Case{R"({"us\u0061ge":null,"x":"usage"})", R"({"x":"usage"})"},
           // An empty chunk with null is Azure's: it would have come anyway.
           Case{R"({"choices":[],"prompt_filter_results":[],"usage":null})",
                R"({"choices":[],"prompt_filter_results":[]})"},
       }) {
    Parsed parsed(c.with);
    const UsageTrace trace = codec_for(Dialect::OpenAiChat).usage_trace(parsed.json);
    EXPECT_FALSE(trace.whole_event) << c.with;
    std::string left(c.with);
    left.erase(trace.member.begin, trace.member.end - trace.member.begin);
    EXPECT_EQ(left, c.without);
  }
}

TEST(UsageTrace, is_the_whole_of_the_chunk_that_holds_nothing_else) {
  struct Case {
    std::string_view event;
    bool whole;
  };
  for (const Case& c : {
           Case{R"({"id":"c","choices":[],"usage":{"prompt_tokens":1}})", true},
           Case{R"({"id":"c","choices":[{"index":0}],"usage":{"prompt_tokens":1}})", false},
           Case{R"({"id":"c","choices":[]})", false},
           Case{R"({"id":"c","usage":{"prompt_tokens":1}})", false},
           Case{R"({"error":{"message":"x"}})", false},
           Case{R"("text")", false},
       }) {
    Parsed parsed(c.event);
    const UsageTrace trace = codec_for(Dialect::OpenAiChat).usage_trace(parsed.json);
    EXPECT_EQ(trace.whole_event, c.whole) << c.event;
    EXPECT_EQ(trace.member.begin, trace.member.end) << c.event;
  }
}

TEST(Usage, of_a_stream_is_the_last_word_of_its_events) {
  struct Case {
    Dialect dialect;
    std::vector<std::string_view> events;
    std::uint64_t input, output, total;
  };
  for (
      const Case& c : {
          // message_start says what went in and a first token, message_delta all that came out.
          Case{
              Dialect::Anthropic,
              {R"({"type":"message_start","message":{"usage":{"input_tokens":9,"cache_read_input_tokens":3,"output_tokens":1}}})",
               R"({"type":"message_delta","delta":{},"usage":{"output_tokens":15}})"},
              12,
              15,
              27},
          Case{
              Dialect::Anthropic,
              {R"({"type":"message_start","message":{"usage":{"input_tokens":9,"output_tokens":1}}})",
               R"({"type":"message_delta","delta":{},"usage":{"input_tokens":20,"cache_read_input_tokens":null,"output_tokens":15}})"},
              20,
              15,
              35},
          Case{
              Dialect::Gemini,
              {R"({"usageMetadata":{"promptTokenCount":8,"totalTokenCount":8}})",
               R"({"usageMetadata":{"promptTokenCount":8,"thoughtsTokenCount":5,"totalTokenCount":13}})",
               R"({"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":4,"thoughtsTokenCount":5,"totalTokenCount":17}})"},
              8,
              9,
              17},
          Case{
              Dialect::Gemini,
              {R"({"usageMetadata":{"promptTokenCount":8,"toolUsePromptTokenCount":2,"candidatesTokenCount":4,"totalTokenCount":14}})",
               R"({"candidates":[]})"},
              10,
              4,
              14},
          Case{
              Dialect::OpenAiResponses,
              {R"({"type":"response.created","response":{"usage":null}})",
               R"({"type":"response.incomplete","response":{"usage":{"input_tokens":7,"output_tokens":5,"output_tokens_details":{"reasoning_tokens":4},"total_tokens":12}}})"},
              7,
              5,
              12},
          Case{
              Dialect::OpenAiChat,
              {R"({"choices":[],"usage":null})",
               R"({"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":5,"total_tokens":12,"completion_tokens_details":{"reasoning_tokens":4}}})"},
              7,
              5,
              12},
          Case{
              Dialect::GeminiInteractions,
              {R"({"event_type":"interaction.completed","interaction":{"usage":{"total_input_tokens":7,"total_output_tokens":3,"total_thought_tokens":2,"total_tokens":12}}})"},
              7,
              5,
              12},
          // Absurd numbers stay absurd and do not wrap around to small ones.
          Case{
              Dialect::OpenAiChat,
              {R"({"choices":[],"usage":{"prompt_tokens":18446744073709551615,"completion_tokens":18446744073709551615}})"},
              std::uint64_t{1} << 48,
              std::uint64_t{1} << 48,
              std::uint64_t{1} << 49},
      }) {
    Reading r;
    for (const std::string_view event : c.events) ASSERT_TRUE(r.event(c.dialect, event)) << event;
    EXPECT_TRUE(r.response_facts.usage.known);
    EXPECT_EQ(r.response_facts.usage.input_tokens, c.input) << c.events.back();
    EXPECT_EQ(r.response_facts.usage.output_tokens, c.output) << c.events.back();
    EXPECT_EQ(r.response_facts.usage.total_tokens, c.total) << c.events.back();
  }
}

}  // namespace
}  // namespace capsem::codec
