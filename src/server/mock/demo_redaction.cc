#include "server/mock/demo_redaction.h"

#include <simdjson.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>

#include "server/mock/demo_stage.h"
#include "server/mock/http_client.h"
#include "server/mock/json_out.h"

namespace capsem::mock {
namespace {

using simdjson::dom::element;

constexpr std::string_view kPolicy = R"(schema = 1

[[policy]]
id = "customers"
type = "pii"
on = ["prompt"]
entities = { EMAIL_ADDRESS = "redact" }
redaction = "placeholder"
restore = true
)";

constexpr std::string_view kAsked = "Remind jane.doe@example.com of our meeting";
constexpr std::string_view kSent = "Remind <EMAIL_ADDRESS_1> of our meeting";
constexpr std::string_view kSaid = "I have written to <EMAIL_ADDRESS_1>.";
constexpr std::string_view kGot = "I have written to jane.doe@example.com.";

std::string request_body(bool stream) {
  JsonObject body;
  body.str("model", kDemoModel)
      .raw("messages",
           json_array({JsonObject().str("role", "user").str("content", kAsked).take()}));
  if (stream) body.boolean("stream", true);
  return body.take();
}

// The text at choices[0].<holder>.content of a JSON text; empty when there is none.
std::string content_in(const std::string& json, std::string_view holder) {
  simdjson::dom::parser parser;
  element body;
  std::string_view text;
  if (parser.parse(json).get(body) != simdjson::SUCCESS ||
      body["choices"].at(0)[holder]["content"].get(text) != simdjson::SUCCESS) {
    return {};
  }
  return std::string(text);
}

std::string streamed_text(std::string_view events) {
  constexpr std::string_view kData = "data: ";
  std::string text;
  while (!events.empty()) {
    const std::string_view line = events.substr(0, events.find('\n'));
    if (line.starts_with(kData))
      text += content_in(std::string(line.substr(kData.size())), "delta");
    events.remove_prefix(std::min(line.size() + 1, events.size()));
  }
  return text;
}

// The prompt of the request that the provider received last.
std::string prompt_received(std::uint16_t upstream_port) {
  const HttpAnswer all = post_json(upstream_port, "/mock/requests", kDemoAuthorization, "{}");
  simdjson::dom::parser parser, body_parser;
  element json, request;
  std::string_view body, text;
  if (parser.parse(all.body).get(json) != simdjson::SUCCESS) return {};
  simdjson::dom::array requests;
  if (json["requests"].get(requests) != simdjson::SUCCESS || requests.size() == 0) return {};
  if (requests.at(requests.size() - 1)["body"].get(body) != simdjson::SUCCESS) return {};
  if (body_parser.parse(body.data(), body.size()).get(request) != simdjson::SUCCESS ||
      request["messages"].at(0)["content"].get(text) != simdjson::SUCCESS) {
    return {};
  }
  return std::string(text);
}

// The provider's text in deltas of three characters: placeholders are cut apart.
bool script(std::uint16_t upstream_port) {
  const std::string answer = "say=" + json_string(kSaid) + " cut=3";
  const std::string body =
      JsonObject().str("model", kDemoModel).num("times", 0).str("mock", answer).take();
  return post_json(upstream_port, "/mock/script", kDemoAuthorization, body).status == 200;
}

bool show(std::ostream& out, std::string_view label, std::string_view seen,
          std::string_view expected) {
  out << label << seen << '\n';
  if (seen == expected) return true;
  out << "\nUNEXPECTED, this should be:\n" << expected << '\n';
  return false;
}

}  // namespace

bool play_redaction(std::ostream& out) {
  out << "\n# Redaction: placeholders on the way out, values on the way back\n\n"
      << kPolicy << '\n';
  const policy::SourceFile files[] = {{"customers.toml", std::string(kPolicy)}};
  DemoStage stage;
  if (const Status started = stage.start(files); !started) {
    out << started.error().detail << '\n';
    return false;
  }
  if (!script(stage.upstream_port())) {
    out << "the mock provider takes no script\n";
    return false;
  }
  const auto ask = [&stage](bool stream) {
    return post_json(stage.port(), kDemoChatPath, kDemoAuthorization, request_body(stream)).body;
  };
  const std::string answer = ask(false), streamed = ask(true);
  out << "The application asks:      " << kAsked << '\n';
  bool right =
      show(out, "The provider receives:     ", prompt_received(stage.upstream_port()), kSent);
  out << "The provider answers:      " << kSaid << '\n';
  right &= show(out, "The application gets:      ", content_in(answer, "message"), kGot);
  right &= show(out, "The application, streamed: ", streamed_text(streamed), kGot);
  return right;
}

}  // namespace capsem::mock
