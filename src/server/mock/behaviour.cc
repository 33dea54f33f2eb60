#include "server/mock/behaviour.h"

#include <algorithm>
#include <charconv>
#include <functional>
#include <map>

namespace capsem::mock {
namespace {

template <class Number>
Number number(std::string_view text, Number fallback = 0) {
  Number value = fallback;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// A text in hexadecimal digits written as a..p: no detector on the way mistakes it for anything.
std::string from_letters(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    out += static_cast<char>(((text[i] - 'a') << 4) | (text[i + 1] - 'a'));
  }
  return out;
}

void set_fault(Behaviour& b, Fault fault, std::string_view after) {
  b.fault = fault;
  b.fault_after = number<std::uint32_t>(after);
}

void set_encoding(Behaviour& b, std::string_view name) {
  if (name == "gzip") b.encoding = Encoding::Gzip;
  if (name == "deflate") b.encoding = Encoding::Deflate;
  if (name == "br") b.encoding = Encoding::Brotli;
  if (name == "zstd") b.encoding = Encoding::Zstd;
}

// "IN/OUT".
void set_usage(Behaviour& b, std::string_view text) {
  const std::size_t middle = std::min(text.find_first_of("/,"), text.size());
  const std::string_view out = text.substr(std::min(middle + 1, text.size()));
  b.usage = {number<std::int64_t>(text.substr(0, middle)), number<std::int64_t>(out)};
}

void add_header(Behaviour& b, std::string_view line) {
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  b.headers.emplace_back(line.substr(0, colon), line.substr(colon + 1));
}

using Setter = void (*)(Behaviour&, std::string_view);

const std::map<std::string_view, Setter>& setters() {
  using B = Behaviour&;
  using V = std::string_view;
  static const std::map<std::string_view, Setter> kSetters = {
      {"status", [](B b, V v) { b.status = number<int>(v, 200); }},
      {"message", [](B b, V v) { b.message = v; }},
      {"retry-after", [](B b, V v) { b.retry_after = v; }},
      {"redirect", [](B b, V v) { b.redirect = v; }},
      {"delay", [](B b, V v) { b.delay_ms = number<std::uint32_t>(v); }},
      {"event-delay", [](B b, V v) { b.event_delay_ms = number<std::uint32_t>(v); }},
      {"cut", [](B b, V v) { b.cut = number<std::uint32_t>(v); }},
      {"segment", [](B b, V v) { b.segment = number<std::uint32_t>(v); }},
      {"stall", [](B b, V v) { set_fault(b, Fault::Stall, v); }},
      {"reset", [](B b, V v) { set_fault(b, Fault::Reset, v); }},
      {"close", [](B b, V v) { set_fault(b, Fault::Close, v); }},
      {"truncate", [](B b, V) { set_fault(b, Fault::Truncate, "1"); }},
      {"end", [](B b, V v) { set_fault(b, Fault::End, v); }},
      {"say", [](B b, V v) { b.says.emplace_back(v); }},
      {"say-letters", [](B b, V v) { b.says.push_back(from_letters(v)); }},
      {"tool", [](B b, V v) { b.tools.push_back({std::string(v), "{}"}); }},
      {"args",
       [](B b, V v) {
         if (!b.tools.empty()) b.tools.back().arguments = v;
       }},
      {"reasoning", [](B b, V v) { b.reasoning = v; }},
      {"refusal", [](B b, V v) { b.refusal = v; }},
      {"finish", [](B b, V v) { b.finish = v; }},
      {"usage", set_usage},
      {"name-cut", [](B b, V v) { b.name_cut = number<std::uint32_t>(v); }},
      {"choices", [](B b, V v) { b.choices = number<std::uint32_t>(v); }},
      {"logprobs", [](B b, V) { b.logprobs = true; }},
      {"escape", [](B b, V) { b.escape_arguments = true; }},
      {"whole", [](B b, V) { b.whole = true; }},
      {"interleave", [](B b, V) { b.interleave = true; }},
      {"obfuscate", [](B b, V) { b.obfuscate = true; }},
      {"encoding", set_encoding},
      {"bad-json", [](B b, V) { b.bad_json = true; }},
      {"echo", [](B b, V) { b.echo = true; }},
      {"endless", [](B b, V) { b.endless = true; }},
      {"not-stream", [](B b, V) { b.not_stream = true; }},
      {"type", [](B b, V v) { b.content_type = v; }},
      {"bytes", [](B b, V v) { b.bytes = number<std::uint64_t>(v); }},
      {"header", add_header},
  };
  return kSetters;
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == ';' || c == ',';
}

// Undoes the escapes of a "..." value.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char next = text[++i];
    out += next == 'n' ? '\n' : next == 't' ? '\t' : next == 'r' ? '\r' : next;
  }
  return out;
}

// Where the value that begins at `at` ends: a quoted string, a JSON object, or a bare word.
std::size_t value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return at;
  const bool is_object = text[at] == '{';
  if (text[at] != '"' && !is_object) {
    while (at < text.size() && !is_space(text[at])) ++at;
    return at;
  }
  int depth = 0;
  bool in_string = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '"') {
      in_string = !in_string;
      if (!is_object && !in_string) return at + 1;
    } else if (!in_string && c == '{') {
      ++depth;
    } else if (!in_string && c == '}' && --depth == 0) {
      return at + 1;
    }
  }
  return std::min(at, text.size());
}

}  // namespace

std::string apply_directives(std::string_view text, Behaviour& behaviour) {
  std::string unknown;
  std::size_t at = 0;
  while (true) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at >= text.size()) return unknown;
    std::size_t end = at;
    while (end < text.size() && text[end] != '=' && !is_space(text[end])) ++end;
    const std::string_view name = text.substr(at, end - at);
    at = end;
    std::string value;
    if (at < text.size() && text[at] == '=') {
      end = value_end(text, ++at);
      std::string_view raw = text.substr(at, end - at);
      const bool is_quoted = raw.size() >= 2 && raw.front() == '"' && raw.back() == '"';
      value = is_quoted ? unescape(raw.substr(1, raw.size() - 2)) : std::string(raw);
      at = end;
    }
    const auto setter = setters().find(name);
    if (setter != setters().end()) {
      setter->second(behaviour, value);
    } else if (unknown.empty()) {
      unknown = name;
    }
  }
}

std::string_view find_directives(std::string_view text) {
  constexpr std::string_view kOpen = "[[mock ";
  const auto begin = text.find(kOpen);
  if (begin == std::string_view::npos) return {};
  const std::size_t from = begin + kOpen.size();
  bool in_string = false;
  for (std::size_t at = from; at + 1 < text.size(); ++at) {
    if (text[at] == '\\') {
      ++at;
    } else if (text[at] == '"') {
      in_string = !in_string;
    } else if (!in_string && text[at] == ']' && text[at + 1] == ']') {
      return text.substr(from, at - from);
    }
  }
  return {};
}

std::string_view directive_help() {
  return R"(Without directives the answer depends on the last user text alone: a question about the weather
calls an offered weather tool, "contact lookup" calls contact_lookup, a text that names an offered
tool calls it, a tool result is answered in words, and everything else gets a fixed answer.

Directives, in the header x-mock, in the user's text as [[mock ...]], or by POST /mock/script.
Values are bare words, "quoted strings" with backslash escapes, or {JSON objects}.

 the answer
  say="TEXT"          exactly this text; given again: the text of the next choice
  say-letters=LETTERS the same, each byte as two letters a..p (4 bits each)
  tool=NAME args={..} a tool call; may be given more than once
  escape              every character of the arguments as a \uXXXX escape
  reasoning="TEXT"    thoughts before the answer          refusal="TEXT"  a refusal instead of text
  choices=N           number of choices or candidates     finish=REASON   the finish reason
  logprobs            log probabilities                   obfuscate       padding in stream deltas
  bytes=N             a text of N bytes                   header=Name:Value  one more header
  usage=IN/OUT        the tokens it reports, instead of an estimate from what was said
 streams
  cut=N               N characters per delta              whole           tool calls in one piece
  interleave          the pieces of several choices and tool calls take turns
  event-delay=MS      pause before each event             endless         never ends
  name-cut=N          chat: N characters of a tool's name per delta
  segment=N           N bytes per write to the socket     not-stream      JSON although asked to stream
 errors
  status=N            the provider's error body           message="TEXT"  its message
  retry-after=S       with it                             redirect=URL    a 307 to there
  bad-json            a body that is not JSON             type=TYPE       another content type
 the wire
  delay=MS            pause before the first byte: the request is held, others are answered
  encoding=gzip|deflate|br|zstd
  stall=N reset=N close=N   after N events (0: before the head) stop sending, reset, close
  truncate            declare more than is sent           end=N           end properly after N events
  echo                what was received, as JSON

Control, never counted as a request:
  GET    /mock/requests  {"count","requests":[{"method","target","headers":[[name,value]],"body"}]}
  DELETE /mock/requests  forgets them, and the scripts
  GET    /mock/open      {"open","connections"}: answers in progress, connections open
  POST   /mock/script    preloads answers:
     {"model":"m"} or {"path":"/v1/x"}: for requests of this model or path; neither: the next request
     "times":N (default 1, 0: for ever), and either "mock":"DIRECTIVES" or a raw answer
     {"status":200,"headers":{"k":"v"},"pieces":[{"data":"..."}|{"base64":"..."}, each with "delay":MS],
      "length":true (Content-Length instead of chunks),"end":"keep|close|reset|stall"}
)";
}

}  // namespace capsem::mock
