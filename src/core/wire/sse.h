// Incremental parser for text/event-stream (WHATWG HTML, section 9.2). Bytes go in as they arrive;
// whole events come out, with the very bytes they were made of, so that an event that may leave
// unchanged leaves byte for byte. No I/O, no clock, no threads: one parser belongs to one stream.
//
// Split invariance: however the input is cut, the same events come out.
// Work:   each byte is examined once; a half-received event is never scanned again.
//         (Where a CR ends a read and its LF comes with the next, that LF is given as bytes
//         without an event: the same bytes in the same order, one call more.)
// Memory: at most event_bytes_max; past it feed() returns event_too_large.
// Views:  an SseEvent points into the parser and dies when on_event() returns. event.data is
//         followed by at least JsonReader::kPadding readable bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/error.h"

namespace capsem::wire {

struct SseEvent {
  std::string_view name;  // the last `event:` field; empty when there was none
  std::string_view data;  // `data:` lines joined with LF
  std::string_view raw;   // all bytes of the event, its blank line included
  bool has_data = false;  // false: comments, `id:` or `retry:` alone
};

class SseSink {
 public:
  virtual ~SseSink() = default;
  virtual Status on_event(const SseEvent& event) = 0;  // an error ends feed() with that error
};

class SseParser {
 public:
  explicit SseParser(std::size_t event_bytes_max = 1u << 20);

  // Consumes all of `bytes`, calling sink.on_event() once per completed event. An error is final:
  // every later call returns it again.
  Status feed(std::string_view bytes, SseSink& sink);

  // The stream has ended. Bytes of an unterminated event, which a client would ignore or choke on,
  // are given as one last event whose `raw` lacks the blank line.
  Status finish(SseSink& sink);

  // Bytes held of an event that is not complete.
  std::size_t pending_bytes() const;

 private:
  Status scan(SseSink& sink);
  Status line_done(std::size_t line_end, std::size_t next, SseSink& sink);
  void add_data(std::size_t at, std::string_view value);
  Status dispatch(std::size_t end, SseSink& sink);
  Status emit_bytes(std::size_t end, SseSink& sink);

  std::size_t event_bytes_max_;
  std::string buffer_;           // bytes from the start of the current event on, padded
  std::size_t size_ = 0;         // bytes of buffer_ in use
  std::size_t event_begin_ = 0;  // where the current event starts in buffer_
  std::size_t line_begin_ = 0;   // where the current line starts
  std::size_t scanned_ = 0;      // bytes already examined for line ends
  bool skip_lf_ = false;         // the last byte was CR: an LF that follows belongs to it
  bool lone_lf_ = false;         // ... and that CR ended an event that has been given out
  bool first_line_ = true;
  bool any_line_ = false;  // the event has at least one non-empty line
  std::string name_;
  std::string data_;  // joined data; used when one event has several data lines
  std::size_t data_begin_ = 0, data_size_ = 0;  // the single data line in buffer_
  unsigned data_lines_ = 0;
  Status failed_{};
};

}  // namespace capsem::wire
