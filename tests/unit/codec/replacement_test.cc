// A text in place of a refused tool call (R84): the answer, or the rest of the stream, is one that
// the dialect's clients read to its end. The streams of tests/corpus are cut after every event.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/wire/json_array.h"
#include "core/wire/sse.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::Point;
using test::Reading;
using testing::HasSubstr;
using testing::Not;

// What must be escaped, and what may be and must not break a line.
constexpr std::string_view kText = "Tool \"x\\y\" is blocked\nby policy \xe2\x80\xa8 \xc3\xa9";

std::string file(Dialect dialect, std::string_view name) {
  const std::string path =
      "tests/corpus/" + std::string(to_string(dialect)) + "/" + std::string(name);
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

class Parsed {
 public:
  explicit Parsed(std::string_view text) : padded_(text) {
    padded_.append(wire::JsonReader::kPadding, ' ');
    ok = json.parse(std::string_view(padded_).substr(0, text.size())).has_value();
  }
  wire::JsonReader json;
  bool ok = false;

 private:
  std::string padded_;
};

struct Event {
  std::string name, data;
};
class Events : public wire::SseSink, public wire::JsonArraySink {
 public:
  Status on_event(const wire::SseEvent& event) override {
    all.push_back({std::string(event.name), std::string(event.data)});
    return {};
  }
  Status on_element(const wire::JsonElement& element) override {
    all.push_back({"", std::string(element.data)});
    return {};
  }
  std::vector<Event> all;
};

std::vector<Event> events_of(std::string_view stream) {
  Events events;
  wire::SseParser parser;
  EXPECT_TRUE(parser.feed(stream, events));
  EXPECT_TRUE(parser.finish(events));
  return events.all;
}

std::vector<Event> events_of(Dialect dialect, const StreamPosition& position) {
  std::string out;
  EXPECT_TRUE(codec_for(dialect).write_stream_replacement(kText, position, Framing::Sse, out));
  EXPECT_THAT(out, testing::EndsWith("\n\n"));
  EXPECT_THAT(out, Not(HasSubstr("\xe2\x80\xa8"))) << "clients split lines there";
  return events_of(out);
}

void track(Dialect dialect, const Event& event, bool left, StreamPosition& position) {
  Parsed parsed(event.data);
  ASSERT_TRUE(parsed.ok) << event.data;
  codec_for(dialect).track(parsed.json, left, position);
}

class Replacing : public testing::TestWithParam<Dialect> {
 protected:
  const Codec& codec() const { return codec_for(GetParam()); }
};
INSTANTIATE_TEST_SUITE_P(Of, Replacing,
                         testing::Values(Dialect::OpenAiChat, Dialect::OpenAiResponses,
                                         Dialect::Gemini, Dialect::Anthropic),
                         [](const auto& param) { return std::string(to_string(param.param)); });

std::string_view finish_of(Dialect dialect, bool called) {
  switch (dialect) {
    case Dialect::OpenAiChat:
      return called ? "tool_calls" : "stop";
    case Dialect::OpenAiResponses:
      return "completed";
    case Dialect::Gemini:
      return "STOP";
    default:
      return called ? "tool_use" : "end_turn";
  }
}

TEST_P(Replacing, a_whole_answer_leaves_its_envelope_and_the_text_R84) {
  const std::string body = file(GetParam(), "response.json");
  Parsed answer(body);
  ASSERT_TRUE(answer.ok);
  std::string out;
  ASSERT_TRUE(codec().write_replacement(answer.json, kText, out));
  Reading before, after;
  ASSERT_TRUE(before.response(GetParam(), body));
  ASSERT_TRUE(after.response(GetParam(), out)) << out << after.error;
  EXPECT_EQ(after.joined(Point::ModelOutput), kText);
  for (const Point gone : {Point::ToolCall, Point::Thought, Point::ToolResult}) {
    EXPECT_EQ(after.joined(gone), "") << out;
    EXPECT_EQ(after.joined(gone, event::Part::ToolName), "") << out;
    EXPECT_EQ(after.joined(gone, event::Part::Arguments), "") << out;
  }
  EXPECT_EQ(after.response_facts.model, before.response_facts.model);
  EXPECT_EQ(after.response_facts.finish_reason, finish_of(GetParam(), false));
  EXPECT_EQ(after.response_facts.usage.known, before.response_facts.usage.known);
  EXPECT_EQ(after.response_facts.usage.total_tokens, before.response_facts.usage.total_tokens);
  Parsed written(out);
  for (const std::string_view id : {"id", "responseId", "created", "created_at", "object"}) {
    const auto* was = answer.json.find(0, id);
    const auto* is = written.json.find(0, id);
    ASSERT_EQ(was == nullptr, is == nullptr) << id;
    if (was != nullptr) {
      EXPECT_EQ(was->text, is->text);
    }
  }
}

TEST_P(Replacing, the_rest_of_a_stream_works_after_every_event_R84) {
  const std::vector<Event> all = events_of(file(GetParam(), "stream.sse"));
  ASSERT_GT(all.size(), 4U);
  for (std::size_t cut = 0; cut < all.size(); ++cut) {
    SCOPED_TRACE("after event " + std::to_string(cut));
    StreamPosition position;
    Reading before, after;
    bool done = false;
    for (std::size_t i = 0; i < cut; ++i) {
      if (all[i].data == "[DONE]") {
        done = true;
        continue;
      }
      track(GetParam(), all[i], true, position);
      ASSERT_TRUE(before.event(GetParam(), all[i].data, all[i].name));
      ASSERT_TRUE(after.event(GetParam(), all[i].data, all[i].name));
    }
    // A finished stream has nothing to replace.
    if (done || (GetParam() != Dialect::Gemini && !before.response_facts.finish_reason.empty())) {
      continue;
    }
    EXPECT_EQ(position.started, cut > 0);
    if (all[cut].data != "[DONE]") track(GetParam(), all[cut], false, position);

    const std::vector<Event> rest = events_of(GetParam(), position);
    ASSERT_FALSE(rest.empty());
    const bool called = !before.joined(Point::ToolCall, event::Part::ToolName).empty();
    for (const Event& event : rest) {
      if (event.data == "[DONE]") continue;
      ASSERT_TRUE(after.event(GetParam(), event.data, event.name)) << event.data << after.error;
    }
    const auto said = [](const Reading& r) { return r.joined(Point::ModelOutput); };
    EXPECT_THAT(said(after), testing::StartsWith(said(before)));
    EXPECT_THAT(said(after), HasSubstr(kText));
    EXPECT_EQ(after.joined(Point::ToolCall, event::Part::ToolName),
              before.joined(Point::ToolCall, event::Part::ToolName));
    // Several choices end one after the other, each in its own way.
    EXPECT_THAT(after.response_facts.finish_reason,
                testing::AnyOf(finish_of(GetParam(), false), finish_of(GetParam(), called)));
    EXPECT_EQ(after.response_facts.model.empty(), false) << "known from the event that was held";
    for (const test::Said& one : after.said) {
      EXPECT_NE(one.text.field, 65535) << "unknown: " << one.words;
    }
    std::set<std::uint64_t> scopes;
    for (const test::Said& one : after.said) {
      if (!one.text.repeat && one.text.lane != 0 && one.words.find(kText) != std::string::npos) {
        scopes.insert(one.text.scope);
      }
    }
    for (const std::uint64_t scope : scopes) {
      if (GetParam() == Dialect::Gemini) break;  // nothing it says is a reliable end
      EXPECT_THAT(after.ended, testing::Contains(scope));
    }
  }
}

TEST_P(Replacing, a_stream_of_which_nothing_is_known_is_whole) {
  Reading r;
  for (const Event& event : events_of(GetParam(), {})) {
    if (event.data == "[DONE]") continue;
    ASSERT_TRUE(r.event(GetParam(), event.data, event.name)) << event.data;
  }
  EXPECT_EQ(r.joined(Point::ModelOutput), kText);
  EXPECT_EQ(r.response_facts.finish_reason, finish_of(GetParam(), false));
}

TEST(ReplacingResponses, events_are_numbered_on_and_the_last_tells_every_item) {
  StreamPosition position;
  const std::string item = R"({"type":"reasoning","id":"rs_1","summary":[]})";
  for (
      const std::string& data :
      {std::string(
           R"({"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":5,"status":"in_progress","model":"m","output":[],"instructions":"be kind","usage":null}})"),
       R"({"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":)" +
           item + "}",
       R"({"type":"response.output_item.done","sequence_number":2,"output_index":0,"item":)" +
           item + "}"}) {
    track(Dialect::OpenAiResponses, {"", data}, true, position);
  }
  // Held: it is in no position.
  track(
      Dialect::OpenAiResponses,
      {"",
       R"({"type":"response.output_item.added","sequence_number":3,"output_index":1,"item":{"type":"function_call","name":"f"}})"},
      false, position);
  const std::vector<Event> rest = events_of(Dialect::OpenAiResponses, position);
  std::uint64_t sequence = 3;
  for (const Event& event : rest) {
    Parsed parsed(event.data);
    ASSERT_TRUE(parsed.ok) << event.data;
    EXPECT_EQ(parsed.json.find(0, "type")->text, event.name);
    EXPECT_EQ(parsed.json.find(0, "sequence_number")->text, std::to_string(sequence++));
    if (const auto* output = parsed.json.find(0, "output_index")) {
      EXPECT_EQ(output->text, "1");
    }
  }
  const std::string& last = rest.back().data;
  EXPECT_EQ(rest.back().name, "response.completed");
  EXPECT_THAT(last, HasSubstr("\"output\":[" + item + ",{\"id\":\"msg_"));
  EXPECT_THAT(last, HasSubstr(R"("instructions":"be kind")"));
  EXPECT_THAT(last, HasSubstr(R"("status":"completed")"));
  EXPECT_THAT(last, Not(HasSubstr("function_call")));
}

// The official Python client refuses an end that leaves an item open.
TEST(ReplacingResponses, items_that_are_open_are_done_as_far_as_they_came) {
  StreamPosition position;
  for (
      const std::string_view data :
      {R"({"type":"response.output_item.added","output_index":0,"item":{"type":"message","id":"msg_1","status":"in_progress","role":"assistant","content":[]}})",
       R"({"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"","status":"in_progress"}})",
       R"({"type":"response.output_item.added","output_index":2,"item":{"type":"reasoning","id":"rs_1","summary":[]}})",
       R"({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"so \"fa"})",
       R"({"type":"response.function_call_arguments.delta","output_index":1,"delta":"{}"})",
       R"({"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"r"})"}) {
    track(Dialect::OpenAiResponses, {"", std::string(data)}, true, position);
  }
  const std::vector<Event> rest = events_of(Dialect::OpenAiResponses, position);
  Reading r;
  for (const Event& event : rest) {
    ASSERT_TRUE(r.event(Dialect::OpenAiResponses, event.data)) << event.data;
  }
  const std::string& last = rest.back().data;
  for (
      const std::string_view item :
      {R"("id":"msg_1","role":"assistant","status":"incomplete","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"so \"far"}]})",
       R"("id":"fc_1","call_id":"c","name":"f","status":"incomplete","arguments":"{}"})",
       R"({"type":"reasoning","id":"rs_1","summary":[]})"}) {
    EXPECT_THAT(last, HasSubstr(item));
    std::size_t done = 0;
    for (const Event& event : rest) {
      const bool tells = event.data.find(item) != std::string::npos;
      done += tells && event.name == "response.output_item.done" ? 1U : 0U;
    }
    EXPECT_EQ(done, 1U) << item;
  }
}

TEST(ReplacingAnthropic, closes_the_open_block_and_opens_its_own) {
  StreamPosition position;
  for (
      const std::string_view data :
      {R"({"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3,"output_tokens":1}}})",
       R"({"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":""}})",
       R"({"type":"content_block_stop","index":0})",
       R"({"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}})",
       R"({"type":"ping"})"}) {
    track(Dialect::Anthropic, {"", std::string(data)}, true, position);
  }
  std::vector<std::string> frames;
  for (const Event& event : events_of(Dialect::Anthropic, position)) {
    Parsed parsed(event.data);
    const auto* index = parsed.json.find(0, "index");
    frames.push_back(event.name + (index == nullptr ? "" : " " + std::string(index->text)));
  }
  EXPECT_THAT(frames, testing::ElementsAre("content_block_stop 1", "content_block_start 2",
                                           "content_block_delta 2", "content_block_stop 2",
                                           "message_delta", "message_stop"));
}

// Another call of the same answer has left: it stays one that the client answers.
TEST(Replacing, beside_a_call_that_has_left_ends_as_a_call_does) {
  struct Case {
    Dialect dialect;
    std::string_view left, reason;
  };
  for (
      const Case& c : {
          Case{
              Dialect::OpenAiChat,
              R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]})",
              "tool_calls"},
          Case{Dialect::OpenAiChat,
               R"({"choices":[{"index":0,"delta":{"content":"a","tool_calls":null}}]})", "stop"},
          Case{
              Dialect::Anthropic,
              R"({"type":"content_block_start","index":0,"content_block":{"type":"tool_use","name":"f","input":{}}})",
              "tool_use"},
      }) {
    StreamPosition position;
    track(c.dialect, {"", std::string(c.left)}, true, position);
    Reading r;
    for (const Event& event : events_of(c.dialect, position)) {
      if (event.data != "[DONE]") {
        ASSERT_TRUE(r.event(c.dialect, event.data, event.name));
      }
    }
    EXPECT_EQ(r.response_facts.finish_reason, c.reason);
  }
}

TEST(ReplacingChat, speaks_in_every_choice_that_is_not_finished) {
  StreamPosition position;
  for (
      const std::string_view data :
      {R"({"id":"c","model":"m","created":7,"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}},{"index":1,"delta":{"content":"b"}},{"index":2,"delta":{"content":"c"}}]})",
       R"({"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]})"}) {
    track(Dialect::OpenAiChat, {"", std::string(data)}, true, position);
  }
  std::string indexes;
  for (const Event& event : events_of(Dialect::OpenAiChat, position)) {
    if (event.data == "[DONE]") {
      indexes += "end";
      continue;
    }
    Parsed parsed(event.data);
    EXPECT_EQ(parsed.json.find(0, "id")->text, "c");
    EXPECT_EQ(parsed.json.find(0, "created")->text, "7");
    for (const auto& node : parsed.json.nodes()) {
      if (node.key == "index") indexes += node.text;
    }
  }
  EXPECT_EQ(indexes, "0022end");
}

TEST(ReplacingGemini, keeps_the_array_form_valid) {
  for (const bool started : {false, true}) {
    StreamPosition position;
    std::string stream;
    if (started) {
      stream =
          R"([{"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"}}],"modelVersion":"m"})";
      track(Dialect::Gemini, {"", stream.substr(1)}, true, position);
    }
    ASSERT_TRUE(codec_for(Dialect::Gemini)
                    .write_stream_replacement(kText, position, Framing::JsonArray, stream));
    Events events;
    wire::JsonArraySplitter splitter;
    ASSERT_TRUE(splitter.feed(stream, events)) << stream;
    EXPECT_TRUE(splitter.finish()) << stream;
    EXPECT_EQ(events.all.size(), started ? 2U : 1U);
    EXPECT_TRUE(Parsed(stream).ok) << stream;
  }
}

TEST(Replacing, is_refused_by_dialects_that_cannot) {
  for (const Dialect dialect : {Dialect::OpenAiCompletions, Dialect::OpenAiEmbeddings,
                                Dialect::GeminiInteractions, Dialect::AnthropicComplete}) {
    Parsed answer(R"({"id":"x"})");
    std::string out;
    EXPECT_FALSE(codec_for(dialect).write_replacement(answer.json, kText, out));
    EXPECT_FALSE(codec_for(dialect).write_stream_replacement(kText, {}, Framing::Sse, out));
    EXPECT_EQ(out, "");
  }
}

// What comes from upstream stays inside its quotes.
TEST(Replacing, ids_and_models_cannot_break_out_of_their_strings) {
  StreamPosition position;
  position.id = "x\"},{\"a\":\"b\n\ndata: y";
  position.model = "m\"\n\ndata: z";
  for (const Dialect dialect :
       {Dialect::OpenAiChat, Dialect::OpenAiResponses, Dialect::Gemini, Dialect::Anthropic}) {
    for (const Event& event : events_of(dialect, position)) {
      if (event.data != "[DONE]") {
        EXPECT_TRUE(Parsed(event.data).ok) << event.data;
      }
    }
  }
}

}  // namespace
}  // namespace capsem::codec
