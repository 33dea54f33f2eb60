#include "server/mock/demo.h"

#include <simdjson.h>

#include <iostream>
#include <string_view>

#include "server/mock/demo_redaction.h"
#include "server/mock/demo_scenes.h"
#include "server/mock/demo_stage.h"
#include "server/mock/http_client.h"
#include "server/mock/json_out.h"
#include "server/mock/python_repr.h"
#include "server/mock/shipped_policies.h"

namespace capsem::mock {
namespace {

using simdjson::dom::element;

std::string user_message(const Scene& scene) {
  return JsonObject().str("role", "user").str("content", scene.user).take();
}

std::string request_body(const Scene& scene, const std::vector<std::string>& messages, bool stream,
                         bool with_tools) {
  JsonObject body;
  body.str("model", kDemoModel).raw("messages", json_array(messages));
  if (with_tools && !scene.tools.empty()) body.raw("tools", scene.tools);
  if (stream) body.boolean("stream", true);
  return body.take();
}

HttpAnswer ask(std::uint16_t port, const std::string& body) {
  return post_json(port, kDemoChatPath, kDemoAuthorization, body);
}

// As OpenAI's Python client words an error answer.
std::string python_error(const HttpAnswer& answer) {
  simdjson::dom::parser parser;
  element json;
  if (answer.status == 0) return "Connection error: " + answer.body;
  const bool is_json = parser.parse(answer.body).get(json) == simdjson::SUCCESS;
  return "Error code: " + std::to_string(answer.status) + " - " +
         (is_json ? python_repr(json) : answer.body);
}

// The first scene's printing: every step of a tool call.
std::string print_turns(element call, element result, std::string_view final_text) {
  const std::string_view name = call["function"]["name"].get_string().value_unsafe();
  const std::string_view arguments = call["function"]["arguments"].get_string().value_unsafe();
  std::string out = "Model requested tool call:\nTool: ";
  out.append(name).append("\nArguments: ").append(arguments);
  out.append("\n\nTool result: ").append(python_repr(result));
  out.append("\n\nFinal response: ").append(final_text).append("\n");
  return out;
}

std::string blocked(const Scene& scene, const HttpAnswer& answer) {
  return std::string(scene.label) + ": " + python_error(answer) + "\n";
}

// The text of an answer's first choice; empty when it has none.
std::string answer_text(element json) {
  std::string_view text;
  if (json["choices"].at(0)["message"]["content"].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::string second_turn(const Scene& scene, std::uint16_t port, element first) {
  element message, call;
  if (first["choices"].at(0)["message"].get(message) != simdjson::SUCCESS ||
      message["tool_calls"].at(0).get(call) != simdjson::SUCCESS) {
    return "the model called no tool\n";
  }
  const std::string result_message =
      JsonObject()
          .str("role", "tool")
          .str("tool_call_id", call["id"].get_string().value_unsafe())
          .str("content", scene.tool_result)
          .take();
  const HttpAnswer answer = ask(
      port, request_body(scene, {user_message(scene), simdjson::minify(message), result_message},
                         false, false));
  if (answer.status != 200) return blocked(scene, answer);
  simdjson::dom::parser answer_parser, result_parser;
  element json, result;
  if (answer_parser.parse(answer.body).get(json) != simdjson::SUCCESS ||
      result_parser.parse(scene.tool_result.data(), scene.tool_result.size()).get(result) !=
          simdjson::SUCCESS) {
    return "the answer is not JSON\n";
  }
  return print_turns(call, result, answer_text(json));
}

// Plays a scene and returns what it prints.
std::string play(const Scene& scene, std::uint16_t port) {
  const HttpAnswer answer = ask(port, request_body(scene, {user_message(scene)}, false, true));
  if (answer.status != 200) return blocked(scene, answer);
  simdjson::dom::parser parser;
  element json;
  if (parser.parse(answer.body).get(json) != simdjson::SUCCESS) return "the answer is not JSON\n";
  if (!scene.tool_result.empty()) return second_turn(scene, port, json);
  return answer_text(json) + "\n";
}

// What the streamed scene must say: the reason that stands in the unstreamed one's output.
std::string reason_in(std::string_view expected) {
  constexpr std::string_view kBefore = "{'detail': ";
  const auto from = expected.find(kBefore) + kBefore.size() + 1;
  return std::string(expected.substr(from, expected.find_last_of("\"'") - from));
}

// Why the answer was refused: a 403 says it in its body, a stream in its last event.
std::string told_in(const HttpAnswer& answer) {
  constexpr std::string_view kData = "data: ";
  const auto last = answer.body.rfind(kData);
  const std::string json =
      last == std::string::npos ? answer.body : answer.body.substr(last + kData.size());
  simdjson::dom::parser parser;
  element body;
  std::string_view detail;
  if (parser.parse(json).get(body) != simdjson::SUCCESS ||
      body["detail"].get(detail) != simdjson::SUCCESS) {
    return {};
  }
  return std::string(detail);
}

// A stream ends at the first forbidden text, so its counts are of what came until then: reasons are
// compared up to the first count.
bool play_streamed(const Scene& scene, std::uint16_t port) {
  const HttpAnswer answer = ask(port, request_body(scene, {user_message(scene)}, true, true));
  const std::string reason = reason_in(scene.expected);
  const std::string told = told_in(answer);
  const bool is_right = told.starts_with(reason.substr(0, reason.find("(count=")));
  std::cout << scene.label << ": " << told << '\n';
  if (!is_right) std::cout << "\nUNEXPECTED, this should be:\n" << reason << '\n';
  return is_right;
}

bool show(const Scene& scene, std::uint16_t port) {
  std::cout << "\n## " << scene.title << "\n\n";
  const std::string printed = play(scene, port);
  std::cout << printed;
  if (printed == scene.expected) return true;
  std::cout << "\nUNEXPECTED, this should be:\n" << scene.expected;
  return false;
}

}  // namespace

int run_demo(std::span<const std::string> args) {
  if (!args.empty()) {
    const bool asks_help = args.front() == "--help" || args.front() == "-h";
    (asks_help ? std::cout : std::cerr)
        << "usage: capsem demo\n\nPlays the CAPSEM demo against a mock provider, through a gateway "
           "with the shipped\npolicies, and redaction with policies of its own. Needs no key and "
           "no network.\n";
    return asks_help ? 0 : 2;
  }
  const policy::SourceFile shipped[] = {{"debug.toml", std::string(kShippedDebug)},
                                        {"injection.toml", std::string(kShippedInjection)},
                                        {"pii.toml", std::string(kShippedPii)},
                                        {"secrets.toml", std::string(kShippedSecrets)}};
  DemoStage stage;
  if (const Status started = stage.start(shipped); !started) {
    std::cerr << "capsem demo: " << started.error().detail << '\n';
    return 1;
  }
  std::cout << "mock provider on http://127.0.0.1:" << stage.upstream_port()
            << ", gateway on http://127.0.0.1:" << stage.port() << '\n';
  int wrong = 0;
  for (const Scene& scene : demo_scenes()) wrong += show(scene, stage.port()) ? 0 : 1;
  std::cout << "\n# The blocked scenes as streams\n";
  for (const Scene& scene : demo_scenes()) {
    if (scene.expected.find("Error code") == std::string_view::npos) continue;
    if (!scene.tool_result.empty()) continue;  // its block needs a second turn
    std::cout << "\n## " << scene.title << ", streamed\n\n";
    wrong += play_streamed(scene, stage.port()) ? 0 : 1;
  }
  wrong += play_redaction(std::cout) ? 0 : 1;
  std::cout << (wrong == 0 ? "\nevery scene ended as it should\n" : "\nsome scenes went wrong\n");
  return wrong == 0 ? 0 : 1;
}

}  // namespace capsem::mock
