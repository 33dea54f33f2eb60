#include "server/mock/service.h"

#include <simdjson.h>

#include <algorithm>
#include <cctype>
#include <memory>

#include "server/mock/answer.h"
#include "server/mock/encode.h"
#include "server/mock/json_out.h"
#include "server/mock/render.h"
#include "server/mock/routes.h"

namespace capsem::mock {
namespace {

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kSse = "text/event-stream; charset=utf-8";

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) ==
           std::tolower(static_cast<unsigned char>(y));
  });
}

Reply json_reply(int status, std::string body) {
  Reply reply;
  reply.status = status;
  reply.headers.emplace_back("Content-Type", kJson);
  reply.pieces.push_back({std::move(body), 0});
  return reply;
}

// The headers each provider sends and that a gateway is expected to relay.
void add_provider_headers(Provider provider, Reply& reply) {
  switch (provider) {
    case Provider::OpenAi:
      reply.headers.emplace_back("x-request-id", "req_mock");
      reply.headers.emplace_back("openai-processing-ms", "1");
      reply.headers.emplace_back("x-ratelimit-remaining-requests", "4999");
      return;
    case Provider::Gemini:
      reply.headers.emplace_back("Server-Timing", "gfet4t7; dur=1");
      return;
    case Provider::Anthropic:
      reply.headers.emplace_back("request-id", "req_mock");
      reply.headers.emplace_back("anthropic-ratelimit-requests-remaining", "4999");
      return;
  }
}

Reply error_reply(const Route& route, const Behaviour& behaviour) {
  const std::string message =
      behaviour.message.empty() ? "The mock provider was asked to fail." : behaviour.message;
  const bool as_array = route.array_stream;
  Reply reply =
      json_reply(behaviour.status, error_body(route.provider, behaviour.status, message, as_array));
  if (!behaviour.retry_after.empty()) {
    reply.headers.emplace_back("Retry-After", behaviour.retry_after);
  }
  return reply;
}

Reply refuse(Provider provider, int status, std::string message) {
  Route route;
  route.provider = provider;
  Behaviour behaviour;
  behaviour.status = status;
  behaviour.message = std::move(message);
  return error_reply(route, behaviour);
}

Reply echo_reply(const Request& request) {
  std::vector<std::string> headers;
  for (const auto& [name, value] : request.headers) {
    headers.push_back(json_array({json_string(name), json_string(value)}));
  }
  return json_reply(200, JsonObject()
                             .str("method", request.method)
                             .str("target", request.target)
                             .raw("headers", json_array(headers))
                             .str("body", request.body)
                             .take());
}

std::string body_of(const Route& route, const Prompt& prompt, const Answer& answer) {
  switch (route.api) {
    case Api::Chat:
      return chat_body(answer);
    case Api::Completions:
      return completions_body(answer);
    case Api::Responses:
      return responses_body(answer, prompt.background ? "queued" : "completed");
    case Api::Embeddings:
      return embeddings_body(prompt, answer.input_tokens);
    case Api::Gemini:
      return gemini_body(answer);
    case Api::GeminiEmbed:
      return gemini_embeddings(prompt);
    case Api::Anthropic:
      return anthropic_body(answer);
    case Api::AnthropicComplete:
      return anthropic_complete_body(answer);
  }
  return "{}";
}

std::vector<Event> events_of(Api api, const Answer& answer, const Cuts& cuts) {
  switch (api) {
    case Api::Chat:
      return chat_events(answer, cuts);
    case Api::Completions:
      return completions_events(answer, cuts);
    case Api::Responses:
      return responses_events(answer, cuts);
    case Api::Anthropic:
      return anthropic_events(answer, cuts);
    default:
      return {};
  }
}

void add_stream(const Route& route, const Prompt& prompt, const Behaviour& behaviour,
                const Answer& answer, Reply& reply) {
  const Cuts cuts{behaviour.cut,        behaviour.whole,     behaviour.interleave,
                  prompt.include_usage, behaviour.obfuscate, behaviour.name_cut};
  const std::uint32_t delay = behaviour.event_delay_ms;
  reply.chunked = true;
  reply.headers.emplace_back("Content-Type", route.array_stream ? kJson : kSse);
  if (route.api == Api::Gemini) {
    std::string_view lead = route.array_stream ? "[" : "data: ";
    for (const std::string& chunk : gemini_chunks(answer, cuts)) {
      std::string bytes(lead);
      bytes += chunk;
      if (!route.array_stream) bytes += "\r\n\r\n";
      reply.pieces.push_back({std::move(bytes), delay});
      if (route.array_stream) lead = "\n,\r\n";
    }
    if (route.array_stream) reply.pieces.back().bytes += "\n]";
    return;
  }
  for (const Event& event : events_of(route.api, answer, cuts)) {
    reply.pieces.push_back({sse(event), delay});
  }
}

// Repeats the middle of the stream for as long as anybody reads.
void make_endless(Reply& reply) {
  if (reply.pieces.size() < 3) return;
  const auto last = static_cast<std::ptrdiff_t>(reply.pieces.size() - 2);
  auto loop =
      std::make_shared<std::vector<Piece>>(reply.pieces.begin() + 1, reply.pieces.begin() + last);
  reply.pieces.erase(reply.pieces.begin() + 1, reply.pieces.end());
  reply.more = [loop, at = std::size_t{0}](Piece& piece) mutable {
    piece = (*loop)[at];
    at = (at + 1) % loop->size();
    return true;
  };
}

// What the directives do to a reply that is otherwise right.
void deform(const Behaviour& behaviour, Reply& reply) {
  if (behaviour.bad_json) reply.pieces = {{R"({"this is": not JSON)", 0}};
  if (behaviour.endless && reply.chunked) make_endless(reply);
  if (auto encoder = make_encoder(behaviour.encoding)) {
    for (std::size_t i = 0; i < reply.pieces.size(); ++i) {
      Piece& piece = reply.pieces[i];
      piece.bytes = encoder->encode(piece.bytes, i + 1 == reply.pieces.size());
    }
    reply.headers.emplace_back("Content-Encoding", content_encoding(behaviour.encoding));
  }
  if (!behaviour.content_type.empty()) {
    for (auto& [name, value] : reply.headers) {
      if (name == "Content-Type") value = behaviour.content_type;
    }
  }
  for (const auto& header : behaviour.headers) reply.headers.push_back(header);
  reply.delay_ms = behaviour.delay_ms;
  reply.segment = behaviour.segment;
  reply.fault = behaviour.fault;
  reply.fault_after = behaviour.fault_after;
  // A body in one piece can only be left off in its middle when it is two.
  if (reply.fault != Fault::None && !reply.chunked && reply.pieces.size() == 1) {
    Piece& whole = reply.pieces.front();
    std::string rest = whole.bytes.substr(whole.bytes.size() / 2);
    whole.bytes.resize(whole.bytes.size() / 2);
    reply.pieces.push_back({std::move(rest), 0});
  }
}

Reply generate(const Request& request, const Route& route, const Prompt& prompt,
               const Behaviour& behaviour) {
  if (behaviour.echo) return echo_reply(request);
  Reply reply;
  if (behaviour.status >= 400) {
    reply = error_reply(route, behaviour);
  } else if (!behaviour.redirect.empty()) {
    reply = json_reply(behaviour.status == 200 ? 307 : behaviour.status, "{}");
    reply.headers.emplace_back("Location", behaviour.redirect);
  } else {
    const Answer answer = compose(prompt, behaviour, request.body);
    const bool streams = (prompt.stream || route.stream) && !behaviour.not_stream;
    if (streams) {
      add_stream(route, prompt, behaviour, answer, reply);
    } else {
      reply = json_reply(behaviour.status, body_of(route, prompt, answer));
    }
  }
  add_provider_headers(route.provider, reply);
  deform(behaviour, reply);
  return reply;
}

Reply simple_action(const Request& request, const Route& route) {
  const auto tokens = static_cast<std::int64_t>((request.body.size() + 3) / 4);
  switch (route.action) {
    case Action::Models:
      return json_reply(200, models_body(route.provider));
    case Action::CountTokens:
      if (route.provider == Provider::Gemini) {
        return json_reply(200, JsonObject().num("totalTokens", tokens).take());
      }
      if (route.provider == Provider::OpenAi) {
        return json_reply(
            200,
            JsonObject().str("object", "response.input_tokens").num("input_tokens", tokens).take());
      }
      return json_reply(200, JsonObject().num("input_tokens", tokens).take());
    case Action::Items:
      return json_reply(200,
                        R"({"object":"list","data":[{"id":"msg_1","type":"message",)"
                        R"("role":"user","status":"completed","content":[{"type":"input_text",)"
                        R"("text":"Hello"}]}],"first_id":"msg_1","last_id":"msg_1",)"
                        R"("has_more":false})");
    case Action::Compact:
      return json_reply(200,
                        R"({"id":"resp_compact","object":"response.compaction",)"
                        R"("created_at":1760000000,"output":[],"usage":{"input_tokens":1,)"
                        R"("input_tokens_details":{"cached_tokens":0},"output_tokens":1,)"
                        R"("output_tokens_details":{"reasoning_tokens":0},"total_tokens":2}})");
    default:
      return refuse(route.provider, 404, "The mock provider knows no such path.");
  }
}

// Header over script over the user's text. Empty: all directives understood.
std::string steer(const Request& request, const Prompt& prompt, const Script* script,
                  Behaviour& behaviour) {
  if (const auto header = request.header("x-mock"); !header.empty()) {
    return apply_directives(header, behaviour);
  }
  if (script != nullptr) return apply_directives(script->directives, behaviour);
  return apply_directives(find_directives(prompt.last_user), behaviour);
}

}  // namespace

std::string_view Request::header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (same_word(key, name)) return value;
  }
  return {};
}

bool is_control(std::string_view target) {
  return target.starts_with("/mock/");
}

Reply control(const Request& request, State& state) {
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (path == "/mock/requests" && request.method == "DELETE") {
    state.forget();
    return json_reply(200, "{}");
  }
  if (path == "/mock/requests") return json_reply(200, state.recorded_json());
  if (path == "/mock/open") {
    return json_reply(200, JsonObject()
                               .num("open", state.open.load())
                               .num("connections", state.connections.load() - 1)
                               .take());
  }
  if (path == "/mock/script" && request.method == "POST") {
    const std::string problem = state.add_script(request.body);
    return problem.empty() ? json_reply(200, "{}")
                           : json_reply(400, JsonObject().str("error", problem).take());
  }
  return json_reply(404, R"({"error":"no such control path"})");
}

Reply serve(const Request& request, State& state) {
  const bool is_anthropic = !request.header("anthropic-version").empty();
  const Route route = route_of(request.method, request.target, is_anthropic);
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  Prompt prompt;
  prompt.model = route.model;
  thread_local simdjson::dom::parser parser;
  simdjson::dom::element json;
  const bool is_json =
      !request.body.empty() &&
      parser.parse(request.body.data(), request.body.size()).get(json) == simdjson::SUCCESS;
  if (is_json && json.is_object()) read_prompt(route.api, json, prompt);
  std::optional<Script> script = state.script_for(prompt.model, path);
  if (script && script->directives.empty()) return std::move(script->reply);
  const bool generates = route.action == Action::Generate || route.action == Action::Retrieve;
  Behaviour behaviour;
  const std::string unknown = steer(request, prompt, script ? &*script : nullptr, behaviour);
  if (!unknown.empty()) return refuse(route.provider, 400, "unknown mock directive: " + unknown);
  if (behaviour.echo) return echo_reply(request);
  if (!generates) return simple_action(request, route);
  if (route.action == Action::Generate && !is_json) {
    return refuse(route.provider, 400, "The body is not JSON.");
  }
  return generate(request, route, prompt, behaviour);
}

}  // namespace capsem::mock
