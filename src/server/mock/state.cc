#include "server/mock/state.h"

#include <simdjson.h>

#include <algorithm>

#include "server/mock/json_out.h"

namespace capsem::mock {
namespace {

using simdjson::dom::element;

std::string text_of(element object, std::string_view key) {
  std::string_view text;
  if (object[key].get(text) != simdjson::SUCCESS) return {};
  return std::string(text);
}

std::uint32_t count_of(element object, std::string_view key, std::uint32_t fallback) {
  std::uint64_t n = fallback;
  if (object[key].get(n) != simdjson::SUCCESS) return fallback;
  return static_cast<std::uint32_t>(n);
}

std::string from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0, held = 0;
  for (char c : text) {
    const auto digit = kDigits.find(c);
    if (digit == std::string_view::npos) break;
    held = (held << 6) | static_cast<std::uint32_t>(digit);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    out += static_cast<char>((held >> bits) & 0xFF);
  }
  return out;
}

Fault fault_of(std::string_view end) {
  if (end == "close") return Fault::Close;
  if (end == "reset") return Fault::Reset;
  if (end == "stall") return Fault::Stall;
  return Fault::None;
}

Reply read_reply(element json) {
  Reply reply;
  reply.status = static_cast<int>(count_of(json, "status", 200));
  reply.delay_ms = count_of(json, "delay", 0);
  bool has_length = false;
  reply.chunked = json["length"].get(has_length) != simdjson::SUCCESS || !has_length;
  reply.raw = text_of(json, "raw");
  simdjson::dom::object headers;
  if (json["headers"].get(headers) == simdjson::SUCCESS) {
    for (auto [name, value] : headers) {
      std::string_view text;
      if (value.get(text) == simdjson::SUCCESS) reply.headers.emplace_back(name, text);
    }
  }
  simdjson::dom::array pieces;
  if (json["pieces"].get(pieces) == simdjson::SUCCESS) {
    for (element piece : pieces) {
      std::string bytes = text_of(piece, "data");
      if (bytes.empty()) bytes = from_base64(text_of(piece, "base64"));
      reply.pieces.push_back({std::move(bytes), count_of(piece, "delay", 0)});
    }
  }
  reply.fault = fault_of(text_of(json, "end"));
  reply.fault_after = static_cast<std::uint32_t>(reply.pieces.size());
  return reply;
}

// A body that is not UTF-8 (a compressed one) is shown in hexadecimal.
std::string body_json(std::string_view body) {
  if (simdjson::validate_utf8(body.data(), body.size())) return json_string(body);
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string hex = "hex:";
  for (char c : body) {
    hex += kHex[static_cast<unsigned char>(c) >> 4];
    hex += kHex[static_cast<unsigned char>(c) & 15];
  }
  return json_string(hex);
}

}  // namespace

void State::record(Recorded request) {
  if (!record_) return;
  const std::lock_guard lock(mutex_);
  recorded_.push_back(std::move(request));
}

std::string State::recorded_json() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const Recorded& request : recorded_) {
    std::vector<std::string> headers;
    for (const auto& [name, value] : request.headers) {
      headers.push_back(json_array({json_string(name), json_string(value)}));
    }
    all.push_back(JsonObject()
                      .str("method", request.method)
                      .str("target", request.target)
                      .raw("headers", json_array(headers))
                      .raw("body", body_json(request.body))
                      .take());
  }
  return JsonObject()
      .num("count", static_cast<std::int64_t>(requests.load()))
      .raw("requests", json_array(all))
      .take();
}

void State::forget() {
  const std::lock_guard lock(mutex_);
  recorded_.clear();
  scripts_.clear();
  has_scripts_ = false;
  requests = 0;
}

std::string State::add_script(std::string_view text) {
  simdjson::dom::parser parser;
  element json;
  if (parser.parse(text.data(), text.size()).get(json) != simdjson::SUCCESS || !json.is_object()) {
    return "a script is a JSON object";
  }
  Script script;
  script.model = text_of(json, "model");
  script.path = text_of(json, "path");
  script.uses_left = count_of(json, "times", 1);
  script.directives = text_of(json, "mock");
  script.reply = read_reply(json);
  Behaviour probe;
  if (const std::string unknown = apply_directives(script.directives, probe); !unknown.empty()) {
    return "unknown directive: " + unknown;
  }
  const std::lock_guard lock(mutex_);
  scripts_.push_back(std::move(script));
  has_scripts_ = true;
  return {};
}

std::optional<Script> State::script_for(std::string_view model, std::string_view path) {
  if (!has_scripts_.load(std::memory_order_relaxed)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  auto serves = [&](const Script& script) {
    if (!script.model.empty()) return script.model == model;
    return script.path.empty() || script.path == path;
  };
  const auto found = std::find_if(scripts_.begin(), scripts_.end(), serves);
  if (found == scripts_.end()) return std::nullopt;
  Script script = *found;
  if (found->uses_left == 1) {
    scripts_.erase(found);
  } else if (found->uses_left > 1) {
    --found->uses_left;
  }
  return script;
}

}  // namespace capsem::mock
