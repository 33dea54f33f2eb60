// How one answer deviates from the ordinary one. A behaviour is written as directives, in the
// request header `x-mock`, in the user's text as [[mock ...]], or preloaded by POST /mock/script:
//
//   status=429 retry-after=2
//   say="the answer's exact text" cut=3
//   tool=get_weather args={"location":"Paris"}
//
// directive_help() documents every one of them and is what `capsem mock-upstream --help` prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace capsem::mock {

struct ToolCall {
  std::string name;
  std::string arguments;  // JSON text
};

enum class Encoding : std::uint8_t { Identity, Gzip, Deflate, Brotli, Zstd };

// How an answer goes wrong on the wire.
enum class Fault : std::uint8_t {
  None,
  Stall,     // stops sending and keeps the connection open
  Reset,     // TCP reset
  Close,     // closes in the middle of the body, framing left incomplete
  Truncate,  // declares more than it sends, then closes
  End,       // ends the body properly, before the stream's own end
};

struct Behaviour {
  int status = 200;
  std::string message;      // of an error body
  std::string retry_after;  // seconds, as written
  std::string redirect;     // Location of a 307
  std::uint32_t delay_ms = 0, event_delay_ms = 0;
  std::uint32_t cut = 0;      // characters per delta; 0: one word each
  std::uint32_t segment = 0;  // bytes per write; 0: one event each
  Fault fault = Fault::None;
  std::uint32_t fault_after = 0;  // events sent before the fault; 0: not even the head
  std::vector<std::string> says;  // text of choice 0, 1, ...; the last one serves the rest
  std::vector<ToolCall> tools;
  std::string reasoning, refusal, finish;
  std::uint32_t choices = 0;  // 0: as the request asks
  // Tokens that the answer reports, in and out; not counted when absent.
  std::optional<std::pair<std::int64_t, std::int64_t>> usage;
  std::uint32_t name_cut = 0;  // characters of a tool's name per delta; 0: whole
  bool logprobs = false, escape_arguments = false, whole = false, interleave = false;
  Encoding encoding = Encoding::Identity;
  bool bad_json = false, echo = false, endless = false, not_stream = false, obfuscate = false;
  std::string content_type;  // empty: the right one
  std::uint64_t bytes = 0;   // length of the answer's text
  std::vector<std::pair<std::string, std::string>> headers;
};

// Applies the directives in `text`; unknown ones are reported by their name in the return value
// (empty: all understood), so that a misspelt test fails instead of passing by accident.
std::string apply_directives(std::string_view text, Behaviour& behaviour);

// The inside of the first [[mock ...]] of `text`; empty when there is none.
std::string_view find_directives(std::string_view text);

std::string_view directive_help();

}  // namespace capsem::mock
