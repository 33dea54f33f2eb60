// Each tool definition and each tool call is one unit with one name, and the call's arguments put
// together are the arguments' own text: what rules about tools and their arguments rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/codec/denial.h"
#include "tests/unit/codec/collect.h"

namespace capsem::codec {
namespace {

using event::Part;
using event::Point;
using test::Reading;
using testing::ElementsAre;
using testing::UnorderedElementsAreArray;

struct Tool {
  std::string name, arguments;
  bool operator==(const Tool&) const = default;
};
void PrintTo(const Tool& tool, std::ostream* out) {
  *out << tool.name << "(" << tool.arguments << ")";
}

// Names and arguments of the units of `point`, in the order they came. A repeat is the original
// when nothing came for the lane it repeats.
std::vector<Tool> tools_of(const std::vector<test::Said>& said, Point point) {
  std::vector<Tool> tools;
  std::map<std::uint64_t, std::size_t> units;
  std::map<std::uint64_t, bool> lanes;
  for (const test::Said& one : said) {
    if (one.text.point != point) continue;
    const bool original = one.text.repeats_lane != 0 && !lanes[one.text.repeats_lane];
    if (one.text.repeat && !original) continue;
    if (one.text.repeats_lane != 0) lanes[one.text.repeats_lane] = true;
    if (one.text.lane != 0) lanes[one.text.lane] = true;
    const auto [unit, fresh] = units.emplace(one.text.unit, tools.size());
    if (fresh) tools.emplace_back();
    Tool& tool = tools[unit->second];
    // A name may come in pieces; some servers say it again with every piece of the arguments.
    if (one.text.part == Part::ToolName && tool.name != one.words) tool.name += one.words;
    if (one.text.part == Part::Arguments) tool.arguments += one.words;
  }
  std::erase_if(tools, [](const Tool& tool) { return tool == Tool{}; });
  return tools;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// Escapes, quotes, braces and characters of several bytes: what cuts like to fall into.
const std::string kArguments = R"({"path":"/etc/\"x\"\\n","n":[1,{"é":"\u00e9\ud83d\ude00"}]})";

struct Form {
  std::string_view name;
  Dialect dialect;
  // The call `f`, whole. $A: the arguments as a JSON value; $S: as a JSON string.
  std::string_view whole;
  // Where `whole` stands in a request.
  std::string_view asked;
  // The stream: what comes first, each piece ($S: a piece as a JSON string), what comes last
  // ($S, $A: all of it). Events are separated by newlines; ends may be empty.
  std::string_view begin, piece, end;
};

void PrintTo(const Form& form, std::ostream* out) {
  *out << form.name;
}

constexpr Form kForms[] = {
    {"chat", Dialect::OpenAiChat,
     R"({"choices":[{"index":0,"message":{"tool_calls":[{"id":"c","type":"function",)"
     R"("function":{"name":"f","arguments":$S}}]}}]})",
     R"({"messages":[{"role":"assistant","tool_calls":[{"id":"c","type":"function",)"
     R"("function":{"name":"f","arguments":$S},"extra_content":{"note":"x y"}}]}]})",
     R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"function",)"
     R"("function":{"name":"f","arguments":""}}]}}]})",
     R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":$S}}]}}]})",
     R"({"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]})"},
    {"chat_legacy", Dialect::OpenAiChat,
     R"({"choices":[{"message":{"function_call":{"name":"f","arguments":$S}}}]})",
     R"({"messages":[{"role":"assistant","function_call":{"name":"f","arguments":$S}}]})",
     R"({"choices":[{"index":0,"delta":{"function_call":{"name":"f","arguments":""}}}]})",
     R"({"choices":[{"index":0,"delta":{"function_call":{"arguments":$S}}}]})", ""},
    {"chat_custom", Dialect::OpenAiChat,
     R"({"choices":[{"message":{"tool_calls":[{"id":"c","type":"custom",)"
     R"("custom":{"name":"f","input":$S}}]}}]})",
     R"({"messages":[{"tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":$S}}]}]})",
     R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c","type":"custom",)"
     R"("custom":{"name":"f","input":""}}]}}]})",
     R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"custom":{"input":$S}}]}}]})", ""},
    {"responses", Dialect::OpenAiResponses,
     R"({"output":[{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":$S}]})",
     R"({"input":[{"type":"function_call","call_id":"c","name":"f","namespace":"n s",)"
     R"("arguments":$S}]})",
     R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call",)"
     R"("id":"i","call_id":"c","name":"f","arguments":"","status":"in_progress"}})",
     R"({"type":"response.function_call_arguments.delta","item_id":"i","output_index":0,"delta":$S})",
     R"({"type":"response.function_call_arguments.done","item_id":"i","output_index":0,"name":"f","arguments":$S}
{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":$S}}
{"type":"response.completed","response":{"output":[{"type":"function_call","id":"i","call_id":"c","name":"f","arguments":$S}]}})"},
    {"responses_custom", Dialect::OpenAiResponses,
     R"({"output":[{"type":"custom_tool_call","call_id":"c","name":"f","input":$S}]})",
     R"({"input":[{"type":"custom_tool_call","call_id":"c","name":"f","input":$S}]})",
     R"({"type":"response.output_item.added","output_index":0,"item":{"type":"custom_tool_call",)"
     R"("name":"f","input":""}})",
     R"({"type":"response.custom_tool_call_input.delta","output_index":0,"delta":$S})",
     R"({"type":"response.custom_tool_call_input.done","output_index":0,"input":$S}
{"type":"response.output_item.done","output_index":0,"item":{"type":"custom_tool_call","name":"f","input":$S}})"},
    {"responses_mcp", Dialect::OpenAiResponses,
     R"({"output":[{"type":"mcp_call","server_label":"s s","name":"f","arguments":$S}]})",
     R"({"input":[{"type":"mcp_call","server_label":"s s","name":"f","arguments":$S}]})",
     R"({"type":"response.output_item.added","output_index":0,"item":{"type":"mcp_call",)"
     R"("server_label":"s s","name":"f","arguments":""}})",
     R"({"type":"response.mcp_call_arguments.delta","output_index":0,"delta":$S})",
     R"({"type":"response.mcp_call_arguments.done","output_index":0,"arguments":$S})"},
    {"responses_code", Dialect::OpenAiResponses,
     R"({"output":[{"type":"code_interpreter_call","id":"i","code":$S}]})",
     R"({"input":[{"type":"code_interpreter_call","id":"i","code":$S}]})",
     R"({"type":"response.output_item.added","output_index":0,"item":)"
     R"({"type":"code_interpreter_call","id":"i","code":""}})",
     R"({"type":"response.code_interpreter_call_code.delta","output_index":0,"delta":$S})",
     R"({"type":"response.code_interpreter_call_code.done","output_index":0,"code":$S})"},
    {"interactions", Dialect::GeminiInteractions,
     R"({"steps":[{"type":"function_call","id":"c","name":"f","arguments":$A}]})",
     R"({"input":[{"type":"function_call","id":"c","name":"f","arguments":$A}]})",
     R"({"event_type":"step.start","index":0,"step":{"type":"function_call","id":"c","name":"f"}})",
     R"({"event_type":"step.delta","index":0,"delta":{"type":"arguments_delta","arguments":$S}})",
     R"({"event_type":"step.stop","index":0}
{"event_type":"interaction.completed","interaction":{"steps":[{"type":"function_call","id":"c","name":"f","arguments":$A}]}})"},
    {"anthropic", Dialect::Anthropic,
     R"({"content":[{"type":"tool_use","id":"c","name":"f","input":$A}]})",
     R"({"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"c","name":"f","input":$A}]}]})",
     R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"c",)"
     R"("name":"f","input":{}}})",
     R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":$S}})",
     R"({"type":"content_block_stop","index":1})"},
    {"anthropic_server", Dialect::Anthropic,
     R"({"content":[{"type":"server_tool_use","id":"c","name":"f","input":$A}]})",
     R"({"messages":[{"content":[{"type":"server_tool_use","id":"c","name":"f","input":$A}]}]})",
     R"({"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use",)"
     R"("id":"c","name":"f","input":{}}})",
     R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":$S}})",
     R"({"type":"content_block_stop","index":1})"},
    {"anthropic_mcp", Dialect::Anthropic,
     R"({"content":[{"type":"mcp_tool_use","id":"c","name":"f","server_name":"s s","input":$A}]})",
     R"({"messages":[{"content":[{"type":"mcp_tool_use","name":"f","server_name":"s s","input":$A}]}]})",
     R"({"type":"content_block_start","index":1,"content_block":{"type":"mcp_tool_use",)"
     R"("id":"c","name":"f","server_name":"s s","input":{}}})",
     R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":$S}})",
     ""},
    // Comes whole: there is nothing to cut.
    {"gemini", Dialect::Gemini,
     R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"c","name":"f","args":$A}}]}}]})",
     R"({"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":$A},)"
     R"("thoughtSignature":"c2ln"}]}]})",
     R"({"candidates":[{"content":{"parts":[{"functionCall":{"id":"c","name":"f","args":$A}}]}}]})",
     "", ""},
};

class ToolCall : public testing::TestWithParam<Form> {
 protected:
  static std::string filled(std::string_view form, std::string_view arguments) {
    std::string out;
    for (std::size_t i = 0; i < form.size(); ++i) {
      if (form.substr(i).starts_with("$S")) {
        out += quoted(arguments);
        ++i;
      } else if (form.substr(i).starts_with("$A")) {
        out += arguments;
        ++i;
      } else {
        out += form[i];
      }
    }
    return out;
  }
  void expect_call(const Reading& r) const {
    std::string name = "f";
    if (GetParam().name == "responses_code") name = "code_interpreter";
    EXPECT_THAT(tools_of(r.said, Point::ToolCall), ElementsAre(Tool{name, kArguments}));
  }
  void read_events(Reading& r, std::string_view events, std::string_view arguments) const {
    while (!events.empty()) {
      const std::size_t line = std::min(events.find('\n'), events.size());
      const std::string event = filled(events.substr(0, line), arguments);
      ASSERT_TRUE(r.event(GetParam().dialect, event)) << event << r.error;
      events.remove_prefix(std::min(line + 1, events.size()));
    }
  }
};
INSTANTIATE_TEST_SUITE_P(Of, ToolCall, testing::ValuesIn(kForms),
                         [](const auto& param) { return std::string(param.param.name); });

TEST_P(ToolCall, is_one_unit_with_its_name_and_its_arguments_text) {
  Reading whole;
  ASSERT_TRUE(whole.response(GetParam().dialect, filled(GetParam().whole, kArguments)));
  expect_call(whole);
}

TEST_P(ToolCall, replayed_is_the_same_unit) {
  Reading asked;
  ASSERT_TRUE(asked.request(GetParam().dialect, filled(GetParam().asked, kArguments)));
  expect_call(asked);
}

TEST_P(ToolCall, streamed_is_the_same_unit_wherever_it_is_cut) {
  const bool cuts = !GetParam().piece.empty();
  for (std::size_t cut = 0; cut <= (cuts ? kArguments.size() : 0); ++cut) {
    const std::string_view text = kArguments;
    const bool inside = cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0) == 0x80;
    if (inside) continue;  // no JSON string holds half a character
    Reading r;
    read_events(r, GetParam().begin, text);
    read_events(r, GetParam().piece, text.substr(0, cut));
    read_events(r, GetParam().piece, text.substr(cut));
    read_events(r, GetParam().end, text);
    expect_call(r);
  }
}

// Whole items at the end of a stream that had no deltas of them are the originals.
TEST_P(ToolCall, that_only_its_whole_item_tells_is_the_same_unit) {
  const std::string_view end = GetParam().end;
  const std::size_t item = end.find("\n");
  Reading r;
  if (item == std::string_view::npos) {
    read_events(r, GetParam().begin, kArguments);
    read_events(r, GetParam().piece, kArguments);
  } else {
    read_events(r, end.substr(item + 1), kArguments);
  }
  expect_call(r);
}

TEST(ToolCalls, several_at_once_are_told_apart) {
  struct Case {
    Dialect dialect;
    std::vector<std::string_view> events;
  };
  const std::vector<Tool> both = {{"f", R"({"k":1})"}, {"f", R"({"k":2})"}};
  for (
      const Case& c : {
          Case{
              Dialect::OpenAiChat,
              {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}},{"index":1,"id":"b","function":{"name":"f","arguments":"{\"k"}}]}}]})",
               R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"k\":1}"}}]}}]})",
               R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"arguments":"\":2}"}}]}}]})"}},
          Case{
              Dialect::OpenAiChat,  // without an index, whole
              {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\"k\":1}"}}]}}]})",
               R"({"choices":[{"index":0,"delta":{"tool_calls":[{"id":"b","function":{"name":"f","arguments":"{\"k\":2}"}}]}}]})"}},
          Case{
              Dialect::Gemini,
              {R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"k":1}}}]}}]})",
               R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"k":2}}}]}}]})"}},
          Case{
              Dialect::Gemini,
              {R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"k":1}}},{"functionCall":{"name":"f","args":{"k":2}}}]}}]})"}},
      }) {
    Reading r;
    for (const std::string_view event : c.events) ASSERT_TRUE(r.event(c.dialect, event)) << event;
    EXPECT_THAT(tools_of(r.said, Point::ToolCall), UnorderedElementsAreArray(both))
        << c.events.front();
  }
}

// streamFunctionCallArguments: the pieces are of one unit; put together they are the paths and the
// values as they come, which can be searched but is not JSON, so that nothing that asks for a
// member of the arguments can be answered from it.
TEST(GeminiPartialArguments, are_one_units_text_and_no_json) {
  Reading r;
  for (
      const std::string_view call :
      {R"({"name":"f","willContinue":true})",
       R"({"partialArgs":[{"jsonPath":"$.city","stringValue":"Zu","willContinue":true}],"willContinue":true})",
       R"({"name":"f","partialArgs":[{"jsonPath":"$.city","stringValue":"rich"}],"willContinue":true})",
       R"({"partialArgs":[{"jsonPath":"$.days","numberValue":30000001}],"willContinue":true})",
       R"({})", R"({"name":"g","args":{"k":1}})"}) {
    ASSERT_TRUE(r.event(Dialect::Gemini, R"({"candidates":[{"content":{"parts":[{"functionCall":)" +
                                             std::string(call) + "}]}}]}"));
  }
  EXPECT_THAT(tools_of(r.said, Point::ToolCall),
              ElementsAre(Tool{"f", "$.cityZu$.cityrich$.days30000001"}, Tool{"g", R"({"k":1})"}));
  EXPECT_EQ(r.find("Zu")->text.lane, r.find("rich")->text.lane);
}

TEST(GeminiPartialArguments, of_two_candidates_do_not_mix) {
  Reading r;
  for (
      const std::string_view event :
      {R"({"candidates":[{"index":0,"content":{"parts":[{"functionCall":{"name":"f","willContinue":true}}]}},)"
       R"({"index":1,"content":{"parts":[{"functionCall":{"name":"g","willContinue":true}}]}}]})",
       R"({"candidates":[{"index":0,"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"A"}]}}]}},)"
       R"({"index":1,"content":{"parts":[{"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"B"}]}}]}}]})"}) {
    ASSERT_TRUE(r.event(Dialect::Gemini, event));
  }
  EXPECT_THAT(tools_of(r.said, Point::ToolCall), ElementsAre(Tool{"f", "$.aA"}, Tool{"g", "$.aB"}));
  EXPECT_NE(r.find("A")->text.lane, r.find("B")->text.lane);
}

TEST(GeminiPartialArguments, go_on_behind_parts_of_another_kind) {
  Reading r;
  for (const std::string_view part :
       {R"({"functionCall":{"name":"f","willContinue":true}})",
        R"({"executableCode":{"language":"PYTHON","code":"1 + 1"}})",
        R"({"codeExecutionResult":{"outcome":"OUTCOME_OK","output":"two words"}})",
        R"({"functionCall":{"partialArgs":[{"jsonPath":"$.a","stringValue":"A"}]}})"}) {
    ASSERT_TRUE(r.event(Dialect::Gemini,
                        R"({"candidates":[{"content":{"parts":[)" + std::string(part) + "]}}]}"));
  }
  EXPECT_THAT(tools_of(r.said, Point::ToolCall),
              ElementsAre(Tool{"f", "$.aA"}, Tool{"code_execution", "1 + 1"}));
}

// R59: tools that the provider runs are called by their kind.
TEST(BuiltInCalls, are_called_by_their_kind_R59) {
  struct Case {
    Dialect dialect;
    std::string_view item;
    Tool tool;
  };
  for (
      const Case& c : {
          Case{
              Dialect::OpenAiResponses,
              R"({"type":"web_search_call","id":"i","action":{"type":"search","query":"rivers here"}})",
              {"web_search", "rivers here"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"file_search_call","queries":["a b"]})",
               {"file_search", "a b"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"computer_call","action":{"text":"a b"}})",
               {"computer", "a b"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"image_generation_call","result":"AAAA"})",
               {"image_generation", ""}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"local_shell_call","action":{"command":["ls"]}})",
               {"local_shell", "ls"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"shell_call","action":{"commands":["ls -l"]}})",
               {"shell", "ls -l"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"apply_patch_call","operation":{"path":"a.c","diff":"+x"}})",
               {"apply_patch", "a.c+x"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"tool_search_call","arguments":{"q":"a b"}})",
               {"tool_search", R"({"q":"a b"})"}},
          Case{Dialect::OpenAiResponses,
               R"({"type":"mcp_call","name":"m","arguments":"{}"})",
               {"m", "{}"}},
          Case{Dialect::Gemini,
               R"({"executableCode":{"language":"PYTHON","code":"1 + 1"}})",
               {"code_execution", "1 + 1"}},
          Case{Dialect::Gemini,
               R"({"toolCall":{"toolType":"GOOGLE_SEARCH_WEB","args":{"q":1}}})",
               {"google_search_web", R"({"q":1})"}},
          Case{Dialect::GeminiInteractions,
               R"({"type":"google_search_call","id":"c","arguments":{"queries":["a b"]}})",
               {"google_search", R"({"queries":["a b"]})"}},
          Case{
              Dialect::GeminiInteractions,
              R"({"type":"mcp_server_tool_call","name":"m","server_name":"s s","arguments":{"a":1}})",
              {"m", R"({"a":1})"}},
          Case{Dialect::Anthropic,
               R"({"type":"server_tool_use","id":"c","name":"web_search","input":{"query":"a b"}})",
               {"web_search", R"({"query":"a b"})"}},
      }) {
    const std::string item(c.item);
    std::string whole, asked, event;
    switch (c.dialect) {
      case Dialect::OpenAiResponses:
        whole = R"({"output":[)" + item + "]}";
        asked = R"({"input":[)" + item + "]}";
        event = R"({"type":"response.output_item.added","output_index":2,"item":)" + item + "}";
        break;
      case Dialect::Gemini:
        whole = R"({"candidates":[{"content":{"parts":[)" + item + "]}}]}";
        asked = R"({"contents":[{"parts":[)" + item + "]}]}";
        event = whole;
        break;
      case Dialect::GeminiInteractions:
        whole = R"({"steps":[)" + item + "]}";
        asked = R"({"input":[)" + item + "]}";
        event = R"({"event_type":"step.start","index":2,"step":)" + item + "}";
        break;
      default:
        whole = R"({"content":[)" + item + "]}";
        asked = R"({"messages":[{"content":[)" + item + "]}]}";
        event = R"({"type":"content_block_start","index":2,"content_block":)" + item + "}";
    }
    Reading a, b, e;
    ASSERT_TRUE(a.response(c.dialect, whole));
    ASSERT_TRUE(b.request(c.dialect, asked));
    ASSERT_TRUE(e.event(c.dialect, event));
    for (const Reading* r : {&a, &b, &e}) {
      EXPECT_THAT(tools_of(r->said, Point::ToolCall), ElementsAre(c.tool)) << item;
    }
  }
}

TEST(BuiltInCalls, are_resolved_by_their_results_id) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiResponses,
                        R"({"input":[{"type":"shell_call","call_id":"c9","action":{}},)"
                        R"({"type":"shell_call_output","call_id":"c9","output":"a b"}]})"));
  EXPECT_THAT(r.request_facts.tool_names, ElementsAre(testing::Pair("c9", "shell")));
}

// The item, its `done` and the whole answer name one call.
TEST(BuiltInCalls, are_named_once_in_a_stream) {
  Reading r;
  for (
      const std::string_view event :
      {R"({"type":"response.output_item.added","output_index":0,"item":{"type":"web_search_call","id":"i","status":"in_progress"}})",
       R"({"type":"response.web_search_call.searching","output_index":0,"item_id":"i"})",
       R"({"type":"response.output_item.done","output_index":0,"item":{"type":"web_search_call","id":"i","action":{"type":"search","query":"a b"}}})",
       R"({"type":"response.completed","response":{"output":[{"type":"web_search_call","id":"i","action":{"type":"search","query":"a b"}}]}})"}) {
    ASSERT_TRUE(r.event(Dialect::OpenAiResponses, event));
  }
  EXPECT_THAT(tools_of(r.said, Point::ToolCall), ElementsAre(Tool{"web_search", "a b"}));
}

TEST(ToolDefinitions, have_one_name_each_R59) {
  struct Case {
    Dialect dialect;
    std::string_view tools;
    std::vector<std::string> names;
  };
  for (
      const Case& c : {
          Case{
              Dialect::OpenAiChat,
              R"([{"type":"function","function":{"name":"f"}},{"type":"custom","custom":{"name":"g"}},)"
              R"({"type":"web_search"},{"function":{"name":"h"}},{"type":"mcp","server_label":"s"}])",
              {"f", "g", "web_search", "h", "mcp"}},
          // A name that is no function's does not hide the kind.
          Case{Dialect::OpenAiChat, R"([{"type":"web_search","name":"harmless"}])", {"web_search"}},
          Case{Dialect::OpenAiChat, R"([{"type":"function"}])", {"function"}},
          Case{Dialect::OpenAiResponses,
               R"([{"type":"function","name":"f"},{"type":"custom","name":"g"},)"
               R"({"type":"web_search_preview"},{"type":"computer_use_preview","display_width":1},)"
               R"({"type":"mcp","server_label":"s","server_url":"https://s.example"},)"
               R"({"type":"file_search"},{"type":"code_interpreter","container":{"type":"auto"}},)"
               R"({"type":"image_generation"},{"type":"local_shell"}])",
               {"f", "g", "web_search_preview", "computer_use_preview", "mcp", "file_search",
                "code_interpreter", "image_generation", "local_shell"}},
          Case{Dialect::OpenAiResponses,
               R"([{"type":"web_search","name":"harmless"}])",
               {"harmless", "web_search"}},
          Case{Dialect::OpenAiResponses,
               R"([{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"},)"
               R"({"type":"custom","name":"g"}]}])",
               {"n", "f", "g"}},
          Case{Dialect::Gemini,
               R"([{"functionDeclarations":[{"name":"f"},{"name":"g"}],"googleSearch":{},)"
               R"("codeExecution":{}},{"url_context":{}},{"dreamReading":{}}])",
               {"f", "g", "google_search", "code_execution", "url_context", "dream_reading"}},
          Case{Dialect::Gemini, R"([{"google_search":{},"urlContext":null}])", {"google_search"}},
          Case{Dialect::GeminiInteractions,
               R"([{"type":"function","name":"f"},{"type":"google_search"},)"
               R"({"type":"mcp_server","name":"m"},{"type":"code_execution"}])",
               {"f", "google_search", "m", "code_execution"}},
          Case{Dialect::Anthropic,
               R"([{"name":"f","input_schema":{}},{"type":"custom","name":"g"},)"
               R"({"type":"web_search_20250305","name":"web_search"}])",
               {"f", "g", "web_search"}},
      }) {
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, R"({"tools":)" + std::string(c.tools) + "}"));
    std::vector<std::string> names;
    for (const Tool& tool : tools_of(r.said, Point::ToolDefinition)) names.push_back(tool.name);
    EXPECT_THAT(names, UnorderedElementsAreArray(c.names)) << c.tools;
  }
}

TEST(ToolDefinitions, that_a_search_found_are_units_too) {
  Reading r;
  ASSERT_TRUE(r.request(Dialect::OpenAiResponses,
                        R"({"input":[{"type":"tool_search_output","tools":[{"type":"function",)"
                        R"("name":"f","description":"d d"},{"type":"function","name":"g"}]}]})"));
  EXPECT_THAT(tools_of(r.said, Point::ToolDefinition), ElementsAre(Tool{"f", ""}, Tool{"g", ""}));
  EXPECT_EQ(r.find("d d")->text.part, Part::Description);
}

// "auto" is no tool, and what a choice names is defined elsewhere.
TEST(ToolChoice, names_no_unit) {
  struct Case {
    Dialect dialect;
    std::string_view choice;
  };
  for (const Case& c :
       {Case{Dialect::OpenAiChat, R"("tool_choice":"auto")"},
        Case{Dialect::OpenAiChat, R"("tool_choice":{"function":{"name":"f"}})"},
        Case{Dialect::OpenAiChat, R"("function_call":"none")"},
        Case{Dialect::OpenAiChat, R"("function_call":{"name":"f"})"},
        Case{Dialect::OpenAiResponses, R"("tool_choice":"required")"},
        Case{Dialect::OpenAiResponses, R"("tool_choice":{"type":"function","name":"f"})"},
        Case{Dialect::Anthropic, R"("tool_choice":{"type":"tool","name":"f"})"}}) {
    Reading r;
    ASSERT_TRUE(r.request(c.dialect, "{" + std::string(c.choice) + "}"));
    EXPECT_FALSE(r.said.empty()) << "it is inspected all the same";
    EXPECT_THAT(tools_of(r.said, Point::ToolDefinition), testing::IsEmpty()) << c.choice;
  }
}

}  // namespace
}  // namespace capsem::codec
