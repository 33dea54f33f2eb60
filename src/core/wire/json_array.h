// Incremental splitter for a JSON array that arrives piece by piece (Gemini's streams without
// alt=sse): bytes go in, each top-level element comes out whole. It follows strings, escapes and
// brackets only; whether an element is JSON at all is for JsonReader to say. No I/O, no threads.
//
// Split invariance: however the input is cut, the same elements come out.
// Work:   each byte is examined once.
// Memory: at most element_bytes_max and one piece of input; past it feed() returns event_too_large.
// Views:  an element points into the splitter and dies when on_element() returns. element.data is
//         followed by at least JsonReader::kPadding readable bytes.
//
// A single object in place of the array (an error body) is one element.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace capsem::wire {

struct JsonElement {
  std::string_view data;  // the element itself
  std::string_view raw;   // the framing since the element before ("[", ",", space), and `data`
};

class JsonArraySink {
 public:
  virtual ~JsonArraySink() = default;
  virtual Status on_element(const JsonElement& element) = 0;  // an error ends feed() with it
};

class JsonArraySplitter {
 public:
  explicit JsonArraySplitter(std::size_t element_bytes_max = 1u << 20);

  // Consumes all of `bytes`, calling sink.on_element() once per completed element. An error is
  // final: every later call returns it again.
  Status feed(std::string_view bytes, JsonArraySink& sink);

  // The stream has ended. Returns the framing behind the last element ("]" and space; "[]" of an
  // empty array): every element's raw bytes and this together are the input. An array that was not
  // closed is the error truncated_stream. The view lives until the splitter dies.
  Result<std::string_view> finish();

  // True from the first byte on if there is no array around the element.
  bool lone() const { return lone_; }

  // Bytes held that belong to no completed element.
  std::size_t pending_bytes() const { return size_; }

 private:
  enum class State : std::uint8_t {
    Start,      // before '['
    First,      // behind '[': an element or ']'
    Next,       // behind ',': an element
    Nested,     // inside an object or array element
    Text,       // inside an element that is a string
    Scalar,     // inside a number or literal, which ends where something else begins
    Separator,  // behind an element: ',' or ']'
    End,        // behind ']' or the lone element: space only
  };

  Status examine(char c, JsonArraySink& sink);
  Status begin_element(char c);
  Status separator(char c);
  Status element_byte(char c, JsonArraySink& sink);
  Status emit(std::size_t end, JsonArraySink& sink);

  std::size_t element_bytes_max_;
  std::string buffer_;             // padded
  std::size_t size_ = 0;           // bytes of buffer_ in use
  std::size_t scanned_ = 0;        // bytes of buffer_ already examined
  std::size_t raw_begin_ = 0;      // behind the last element; 0 between calls
  std::size_t element_begin_ = 0;  // where the current element starts
  std::size_t depth_ = 0;          // open brackets of the current element
  State state_ = State::Start;
  bool in_string_ = false;
  bool escaped_ = false;  // the byte before was a backslash that escapes this one
  bool lone_ = false;
  Status failed_{};
};

}  // namespace capsem::wire
