#include "server/mock/answer.h"

#include <gtest/gtest.h>

#include "server/mock/python_repr.h"
#include "server/mock/render.h"

namespace capsem::mock {
namespace {

std::string joined(const std::vector<std::string_view>& pieces) {
  std::string out;
  for (auto piece : pieces) out += piece;
  return out;
}

TEST(Deltas, JoinToTheWholeTextAtEveryCut) {
  for (std::string_view text : {"", "a", "two words", "20°C, déjà vu\nline 😀 end"}) {
    for (std::uint32_t cut = 0; cut <= 8; ++cut) {
      SCOPED_TRACE(testing::Message() << text << ", " << cut << " characters");
      EXPECT_EQ(joined(deltas(text, cut)), text);
    }
  }
}

TEST(Deltas, NeverEndInsideACharacter) {
  for (auto piece : deltas("°°😀°", 1)) {
    EXPECT_NE(static_cast<unsigned char>(piece.front()) & 0xC0, 0x80);
  }
  EXPECT_EQ(deltas("°°😀°", 1).size(), 4U);
}

TEST(EscapeStrings, WritesTheSameJsonInEscapes) {
  const std::string escaped = escape_strings(R"({"a":"b\n1","c":[2,true]})");
  EXPECT_EQ(escaped, R"({"\u0061":"\u0062\n\u0031","\u0063":[2,true]})");
}

Prompt prompt_of(Api api, std::string_view body, simdjson::dom::parser& parser) {
  Prompt prompt;
  read_prompt(api, parser.parse(body.data(), body.size()).value(), prompt);
  return prompt;
}

struct LastUserCase {
  std::string_view name;
  Api api;
  std::string_view body;
};

TEST(Prompt, FindsTheLastUserTextOfEveryApi) {
  constexpr LastUserCase kCases[] = {
      {"chat string", Api::Chat, R"({"messages":[{"role":"user","content":"hi"}]})"},
      {"chat parts", Api::Chat,
       R"({"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]})"},
      {"responses string", Api::Responses, R"({"input":"hi"})"},
      {"responses list", Api::Responses,
       R"({"input":[{"role":"user","content":[{"type":"input_text","text":"hi"}]}]})"},
      {"gemini", Api::Gemini, R"({"contents":[{"parts":[{"text":"hi"}]}]})"},
      {"gemini, one object", Api::Gemini, R"({"contents":{"parts":{"text":"hi"}}})"},
      {"anthropic", Api::Anthropic, R"({"messages":[{"role":"user","content":"hi"}]})"},
      {"completions", Api::Completions, R"({"prompt":"hi"})"},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(c.name);
    simdjson::dom::parser parser;
    EXPECT_EQ(prompt_of(c.api, c.body, parser).last_user, "hi");
  }
}

TEST(Compose, CallsTheWeatherToolForThePlaceThatWasAskedAbout) {
  simdjson::dom::parser parser;
  constexpr std::string_view kBody =
      R"({"messages":[{"role":"user","content":"What's the weather in Paris?"}],
          "tools":[{"type":"function","function":{"name":"get_weather"}}]})";
  const Answer answer = compose(prompt_of(Api::Chat, kBody, parser), {}, kBody);
  ASSERT_EQ(answer.choices[0].calls.size(), 1U);
  EXPECT_EQ(answer.choices[0].calls[0].arguments, R"({"location":"Paris"})");
}

TEST(Compose, GivesTheSameAnswerToTheSameRequest) {
  simdjson::dom::parser parser;
  constexpr std::string_view kBody = R"({"messages":[{"role":"user","content":"hello"}]})";
  const Prompt prompt = prompt_of(Api::Chat, kBody, parser);
  EXPECT_EQ(chat_body(compose(prompt, {}, kBody)), chat_body(compose(prompt, {}, kBody)));
}

TEST(Compose, ReportsTheUsageItIsTold) {
  simdjson::dom::parser parser;
  Behaviour behaviour;
  behaviour.usage = {120, 30};
  const Answer answer =
      compose(prompt_of(Api::Chat, R"({"messages":[]})", parser), behaviour, "{}");
  EXPECT_EQ(answer.input_tokens, 120);
  EXPECT_EQ(answer.output_tokens, 30);
}

// As OpenAI does: unasked there is no trace of usage, asked it is null until the last chunk.
TEST(Streams, ReportUsageOnlyWhenAsked) {
  simdjson::dom::parser parser;
  const Prompt prompt = prompt_of(Api::Chat, R"({"messages":[]})", parser);
  const Answer answer = compose(prompt, {}, "{}");
  for (const auto& events_of : {chat_events, completions_events}) {
    for (const bool asked : {false, true}) {
      const std::vector<Event> events = events_of(answer, Cuts{.include_usage = asked});
      ASSERT_GT(events.size(), 3U);
      for (std::size_t i = 0; i + 1 < events.size(); ++i) {  // [DONE] is the last
        const bool is_usage = asked && i + 2 == events.size();
        EXPECT_EQ(events[i].data.find("\"usage\":null") != std::string::npos, asked && !is_usage);
        EXPECT_EQ(events[i].data.find("\"usage\":{") != std::string::npos, is_usage);
        EXPECT_EQ(events[i].data.find("\"choices\":[]") != std::string::npos, is_usage);
      }
    }
  }
}

TEST(Streams, CutToolNamesWhenTold) {
  simdjson::dom::parser parser;
  Behaviour behaviour;
  behaviour.tools.push_back({"file_delete", R"({"path":"/x"})"});
  const Prompt prompt = prompt_of(Api::Chat, R"({"messages":[]})", parser);
  const Answer answer = compose(prompt, behaviour, "{}");
  for (const std::uint32_t cut : {0U, 1U, 4U, 40U}) {
    std::string name;
    std::size_t pieces = 0;
    for (const Event& event : chat_events(answer, Cuts{.name_characters = cut})) {
      constexpr std::string_view kName = "\"name\":\"";
      const std::size_t at = event.data.find(kName);
      if (at == std::string::npos) continue;
      const std::size_t from = at + kName.size();
      name += event.data.substr(from, event.data.find('"', from) - from);
      ++pieces;
    }
    EXPECT_EQ(name, "file_delete");
    EXPECT_EQ(pieces, cut == 0 || cut == 40 ? 1U : cut == 1 ? 11U : 3U);
  }
}

TEST(PythonRepr, QuotesAsPythonDoes) {
  simdjson::dom::parser parser;
  const std::string json = R"({"a":"it's","b":"x","c":"'\"","d":[1,null,true,1.5]})";
  EXPECT_EQ(python_repr(parser.parse(json).value()),
            R"({'a': "it's", 'b': 'x', 'c': '\'"', 'd': [1, None, True, 1.5]})");
}

}  // namespace
}  // namespace capsem::mock
