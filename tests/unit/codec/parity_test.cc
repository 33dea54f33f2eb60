// The same answer, whole and streamed, says the same things in the same units: verdicts cannot
// depend on streaming. The answers are those of tests/corpus.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "core/codec/codec.h"
#include "core/wire/json_array.h"
#include "core/wire/sse.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::Part;
using event::Point;
using test::Reading;

std::string file(Dialect dialect, std::string_view name) {
  const std::string path =
      "tests/corpus/" + std::string(to_string(dialect)) + "/" + std::string(name);
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// What the engine makes of the texts: lanes joined, repeats dropped that repeat what was said.
class Assembly {
 public:
  void add(const std::vector<test::Said>& said) {
    for (const test::Said& one : said) {
      const event::Text& text = one.text;
      if (text.field == 65535) continue;  // names and values nobody knows
      if (!text.repeat) {
        if (text.lane != 0) lanes_[text.lane] += one.words;
        append(text, one.words);
      } else if (text.repeats_lane != 0) {
        std::string& original = lanes_[text.repeats_lane];
        if (original.empty()) {
          original = one.words;
          append(text, one.words);
        }
        EXPECT_EQ(original, one.words) << "a repeat that differs";
      }
    }
  }

  // By point, unit and part; units are numbered as they come, for their hashes are an event's or a
  // body's own. Raw JSON is compared without its white space.
  std::map<std::tuple<Point, std::size_t, Part>, std::string> texts;

 private:
  void append(const event::Text& text, const std::string& words) {
    const std::size_t unit =
        units_[text.point].emplace(text.unit, units_[text.point].size()).first->second;
    std::string& to = texts[{text.point, unit, text.part}];
    for (const char c : words) {
      if (!text.json || (c != ' ' && c != '\n')) to += c;
    }
  }

  std::map<std::uint64_t, std::string> lanes_;
  std::map<Point, std::map<std::uint64_t, std::size_t>> units_;
};

class EventReader : public wire::SseSink, public wire::JsonArraySink {
 public:
  explicit EventReader(Dialect dialect) : dialect_(dialect) {}
  Status on_event(const wire::SseEvent& event) override {
    if (event.data != "[DONE]") read(event.name, event.data);
    return {};
  }
  Status on_element(const wire::JsonElement& element) override {
    read({}, element.data);
    return {};
  }

  Assembly assembly;
  event::ResponseFacts facts;
  std::set<std::uint64_t> scopes, ended;

 private:
  void read(std::string_view name, std::string_view data) {
    reading_.said.clear();
    reading_.ended.clear();
    ASSERT_TRUE(reading_.event(dialect_, data, name)) << data;
    assembly.add(reading_.said);
    for (const test::Said& one : reading_.said) {
      if (one.text.field == 65535) ADD_FAILURE() << "unknown: " << one.words << " in " << data;
      EXPECT_FALSE(ended.contains(one.text.scope) && !one.text.repeat && one.text.lane != 0)
          << "a text after its scope ended: " << data;
      scopes.insert(one.text.scope);
    }
    ended.insert(reading_.ended.begin(), reading_.ended.end());
    facts = reading_.response_facts;
  }

  Dialect dialect_;
  Reading reading_;
};

class Parity : public testing::TestWithParam<Dialect> {};
INSTANTIATE_TEST_SUITE_P(Of, Parity,
                         testing::Values(Dialect::OpenAiChat, Dialect::OpenAiCompletions,
                                         Dialect::OpenAiResponses, Dialect::Gemini,
                                         Dialect::GeminiInteractions, Dialect::Anthropic,
                                         Dialect::AnthropicComplete),
                         [](const auto& param) { return std::string(to_string(param.param)); });

// An answer echoes its request as often as it likes: not a part of what was answered.
void forget_echo(Assembly& assembly) {
  std::erase_if(assembly.texts, [](const auto& entry) {
    const Point point = std::get<0>(entry.first);
    return point == Point::Prompt || point == Point::ToolDefinition;
  });
}

TEST_P(Parity, holds_for_texts_units_and_usage) {
  Reading whole;
  ASSERT_TRUE(whole.response(GetParam(), file(GetParam(), "response.json")));
  Assembly body;
  body.add(whole.said);
  forget_echo(body);

  EventReader streamed(GetParam());
  wire::SseParser parser;
  ASSERT_TRUE(parser.feed(file(GetParam(), "stream.sse"), streamed));
  ASSERT_TRUE(parser.finish(streamed));
  forget_echo(streamed.assembly);

  EXPECT_EQ(streamed.assembly.texts, body.texts);
  EXPECT_FALSE(body.texts.empty());
  EXPECT_EQ(streamed.facts.model, whole.response_facts.model);
  EXPECT_EQ(streamed.facts.finish_reason, whole.response_facts.finish_reason);
  if (GetParam() != Dialect::OpenAiCompletions) {
    EXPECT_EQ(streamed.facts.usage.input_tokens, whole.response_facts.usage.input_tokens);
    EXPECT_EQ(streamed.facts.usage.output_tokens, whole.response_facts.usage.output_tokens);
    EXPECT_EQ(streamed.facts.usage.total_tokens, whole.response_facts.usage.total_tokens);
  }
}

TEST_P(Parity, leaves_no_text_of_a_known_answer_unnamed) {
  Reading whole;
  ASSERT_TRUE(whole.response(GetParam(), file(GetParam(), "response.json")));
  for (const test::Said& one : whole.said) EXPECT_NE(one.text.field, 65535) << one.words;
  Reading asked;
  ASSERT_TRUE(asked.request(GetParam(), file(GetParam(), "request.json")));
  for (const test::Said& one : asked.said) EXPECT_NE(one.text.field, 65535) << one.words;
  EXPECT_TRUE(asked.request_facts.stream || GetParam() == Dialect::Gemini);
}

TEST_P(Parity, ends_every_scope_of_a_stream) {
  EventReader streamed(GetParam());
  wire::SseParser parser;
  ASSERT_TRUE(parser.feed(file(GetParam(), "stream.sse"), streamed));
  if (GetParam() == Dialect::AnthropicComplete) return;  // one text and no scopes
  if (GetParam() == Dialect::Gemini) return;             // nothing it says is a reliable end
  streamed.scopes.erase(0);
  EXPECT_FALSE(streamed.scopes.empty());
  for (const std::uint64_t scope : streamed.scopes) EXPECT_TRUE(streamed.ended.contains(scope));
}

TEST(GeminiArray, says_what_its_events_say) {
  EventReader events(Dialect::Gemini), elements(Dialect::Gemini);
  wire::SseParser parser;
  ASSERT_TRUE(parser.feed(file(Dialect::Gemini, "stream.sse"), events));
  wire::JsonArraySplitter splitter;
  ASSERT_TRUE(splitter.feed(file(Dialect::Gemini, "stream_array.json"), elements));
  EXPECT_TRUE(splitter.finish());
  EXPECT_EQ(elements.assembly.texts, events.assembly.texts);
}

}  // namespace
}  // namespace capsem::codec
