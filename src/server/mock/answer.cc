#include "server/mock/answer.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <tuple>

#include "server/mock/json_out.h"

namespace capsem::mock {
namespace {

struct KnownAnswer {
  std::string_view needle, text;
};

// The third one is the founding demo's: thirteen addresses and two names.
constexpr std::array kAnswers = {
    KnownAnswer{"count to 5", "1, 2, 3, 4, 5"},
    KnownAnswer{"hello", "Hello! How can I help you today?"},
    KnownAnswer{"idea for an email address",
                "Here are some ideas, Elie Bernard:\n\n"
                "- elie.ideas@gmail.com\n- hello.elie@gmail.com\n- elie.mail@gmail.com\n"
                "- the.elie@gmail.com\n- elie.online@gmail.com\n- elie.writes@gmail.com\n"
                "- elie.inbox@gmail.com\n- just.elie@gmail.com\n- elie.notes@gmail.com\n"
                "- elie.today@gmail.com\n- ask.elie@gmail.com\n- elie.works@gmail.com\n"
                "- team.elie@gmail.com\n\n"
                "Should you share the inbox with Maria Lopez, the last one fits best."},
    KnownAnswer{"json", "{\"answer\": \"yes\"}"},
};
constexpr std::string_view kDefaultAnswer =
    "This is the mock provider. It has read your message and has nothing to add.";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::string spaced(std::string text) {
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  return hash;
}

std::string hex_of(std::uint64_t value) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out(16, '0');
  for (std::size_t i = 0; i < 16; ++i) out[15 - i] = kHex[(value >> (4 * i)) & 15];
  return out;
}

// The smallest value a JSON schema allows, as a JSON text.
std::string example(simdjson::dom::element schema, std::string_view text, int depth) {
  simdjson::dom::array options;
  if (schema["enum"].get(options) == simdjson::SUCCESS && options.size() > 0) {
    return simdjson::minify(options.at(0).value_unsafe());
  }
  std::string_view type_text;
  std::string type =
      schema["type"].get(type_text) == simdjson::SUCCESS ? lower(type_text) : "object";
  if (type == "integer") return "1";
  if (type == "number") return "1.5";
  if (type == "boolean") return "true";
  if (type == "string") return json_string(text);
  if (depth > 8) return "null";
  if (type == "array") {
    simdjson::dom::element items;
    if (schema["items"].get(items) != simdjson::SUCCESS) return "[]";
    return json_array({example(items, text, depth + 1)});
  }
  JsonObject out;
  simdjson::dom::object properties;
  if (schema["properties"].get(properties) == simdjson::SUCCESS) {
    for (auto [key, value] : properties) out.raw(key, example(value, text, depth + 1));
  }
  return out.take();
}

// "What's the weather in Paris?" -> "Paris"
std::string place_in(std::string_view text) {
  const auto at = text.rfind(" in ");
  if (at == std::string_view::npos) return "Paris";
  std::string out;
  for (char c : text.substr(at + 4)) {
    if (std::ispunct(static_cast<unsigned char>(c)) != 0) break;
    out += c;
  }
  return out;
}

ToolCall call_of(const Tool& tool, const Prompt& prompt) {
  const std::string name = lower(tool.name);
  if (name.find("weather") != std::string::npos) {
    return {tool.name, JsonObject().str("location", place_in(prompt.last_user)).take()};
  }
  if (name.find("contact") != std::string::npos) {
    return {tool.name, R"({"email": "test@example.com"})"};
  }
  return {tool.name, tool.has_schema ? example(tool.schema, "example", 0) : "{}"};
}

// The tool that the user's words, or the caller, ask for.
const Tool* wanted_tool(const Prompt& prompt) {
  const std::string text = lower(prompt.last_user);
  for (const Tool& tool : prompt.tools) {
    const std::string name = lower(tool.name);
    if (name == lower(prompt.forced_tool)) return &tool;
    const bool is_weather = name.find("weather") != std::string::npos;
    if (is_weather && text.find("weather") != std::string::npos) return &tool;
    if (text.find(name) != std::string::npos || text.find(spaced(name)) != std::string::npos) {
      return &tool;
    }
  }
  return prompt.must_call && !prompt.tools.empty() ? &prompt.tools.front() : nullptr;
}

std::string about_result(std::string_view result) {
  simdjson::dom::parser parser;
  simdjson::dom::element json;
  std::string_view place, sky, degrees;
  if (parser.parse(result.data(), result.size()).get(json) == simdjson::SUCCESS &&
      json["location"].get(place) == simdjson::SUCCESS &&
      json["condition"].get(sky) == simdjson::SUCCESS &&
      json["temperature"].get(degrees) == simdjson::SUCCESS) {
    return "Currently in " + std::string(place) + ": " + std::string(sky) + ", about " +
           std::string(degrees) + ". Would you like an hourly forecast or a 7-day outlook?";
  }
  return "The tool has answered. Is there anything else?";
}

std::string text_for(const Prompt& prompt) {
  if (prompt.tool_turn) return about_result(prompt.tool_result);
  if (prompt.has_schema) return example(prompt.schema, "example", 0);
  const std::string text = lower(prompt.last_user);
  for (const auto& known : kAnswers) {
    if (text.find(known.needle) != std::string::npos) return std::string(known.text);
  }
  return std::string(kDefaultAnswer);
}

std::string filler(std::uint64_t bytes) {
  constexpr std::string_view kWords = "all work and no play makes this a very long answer. ";
  std::string out;
  out.reserve(bytes + kWords.size());
  while (out.size() < bytes) out += kWords;
  out.resize(bytes);
  return out;
}

Choice choice_for(const Prompt& prompt, const Behaviour& behaviour, std::size_t index) {
  Choice choice;
  choice.reasoning = behaviour.reasoning;
  choice.refusal = behaviour.refusal;
  if (!behaviour.says.empty()) {
    choice.text = behaviour.says[std::min(index, behaviour.says.size() - 1)];
  }
  if (!prompt.tool_turn) choice.calls = behaviour.tools;
  if (behaviour.bytes > 0) choice.text = filler(behaviour.bytes);
  const bool is_steered = !behaviour.says.empty() || !choice.calls.empty() ||
                          !choice.refusal.empty() || behaviour.bytes > 0;
  if (!is_steered) {
    const Tool* tool = prompt.tool_turn ? nullptr : wanted_tool(prompt);
    if (tool != nullptr) {
      choice.calls.push_back(call_of(*tool, prompt));
    } else {
      choice.text = text_for(prompt);
    }
  }
  if (behaviour.escape_arguments) {
    for (ToolCall& call : choice.calls) call.arguments = escape_strings(call.arguments);
  }
  return choice;
}

std::int64_t tokens(std::size_t bytes) {
  return static_cast<std::int64_t>((bytes + 3) / 4);
}

}  // namespace

Answer compose(const Prompt& prompt, const Behaviour& behaviour, std::string_view body) {
  Answer answer;
  answer.id = hex_of(fnv1a(body));
  answer.model = prompt.model;
  answer.finish = behaviour.finish;
  answer.logprobs = behaviour.logprobs || prompt.logprobs;
  answer.input_tokens = tokens(body.size());
  const std::uint32_t asked = behaviour.choices > 0 ? behaviour.choices : prompt.choices;
  const std::size_t count = std::clamp<std::size_t>(asked, 1, 128);
  for (std::size_t i = 0; i < count; ++i) {
    answer.choices.push_back(choice_for(prompt, behaviour, i));
    const Choice& choice = answer.choices.back();
    answer.output_tokens +=
        tokens(choice.text.size() + choice.reasoning.size() + choice.refusal.size());
    for (const ToolCall& call : choice.calls) {
      answer.output_tokens += tokens(call.name.size() + call.arguments.size());
    }
  }
  if (behaviour.usage) {
    std::tie(answer.input_tokens, answer.output_tokens) = *behaviour.usage;
  }
  return answer;
}

std::vector<std::string_view> deltas(std::string_view text, std::uint32_t characters) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  std::uint32_t held = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool starts_character = (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
    if (at == begin || !starts_character) continue;
    ++held;
    const bool ends_word = text[at - 1] == ' ' || text[at - 1] == '\n';
    if (characters > 0 ? held >= characters : ends_word) {
      out.push_back(text.substr(begin, at - begin));
      begin = at;
      held = 0;
    }
  }
  if (begin < text.size()) out.push_back(text.substr(begin));
  return out;
}

std::string escape_strings(std::string_view json) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out;
  bool in_string = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"') in_string = !in_string;
    if (in_string && c == '\\' && i + 1 < json.size()) {
      out += c;
      out += json[++i];
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (!in_string || c == '"' || byte >= 0x80) {
      out += c;
      continue;
    }
    out += "\\u00";
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace capsem::mock
