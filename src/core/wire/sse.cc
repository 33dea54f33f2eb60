#include "core/wire/sse.h"

#include <cstring>

#include "core/wire/json.h"

namespace capsem::wire {

SseParser::SseParser(std::size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

std::size_t SseParser::pending_bytes() const {
  return size_ - event_begin_;
}

Status SseParser::feed(std::string_view bytes, SseSink& sink) {
  if (!failed_) return failed_;
  // Keep room behind the data for readers that look ahead.
  if (event_begin_ != 0 && event_begin_ == size_) {
    size_ = event_begin_ = line_begin_ = scanned_ = 0;
  }
  if (buffer_.size() < size_ + bytes.size() + JsonReader::kPadding) {
    if (event_begin_ != 0) {  // the consumed front is free
      std::memmove(buffer_.data(), buffer_.data() + event_begin_, size_ - event_begin_);
      size_ -= event_begin_;
      line_begin_ -= event_begin_;
      scanned_ -= event_begin_;
      data_begin_ -= data_lines_ > 0 ? event_begin_ : 0;
      event_begin_ = 0;
    }
    buffer_.resize(size_ + bytes.size() + JsonReader::kPadding);
  }
  std::memcpy(buffer_.data() + size_, bytes.data(), bytes.size());
  size_ += bytes.size();
  failed_ = scan(sink);
  return failed_;
}

Status SseParser::scan(SseSink& sink) {
  while (scanned_ < size_) {
    const char* const base = buffer_.data();
    if (skip_lf_) {
      skip_lf_ = false;
      if (base[scanned_] == '\n') {
        line_begin_ = ++scanned_;
        // The LF of a CRLF that ended the last event belongs to that event's bytes; it has left
        // already only if the CR ended a read, and then it is given as an event without data.
        if (lone_lf_) {
          lone_lf_ = false;
          if (Status s = emit_bytes(scanned_, sink); !s) return s;
        }
        continue;
      }
      lone_lf_ = false;
    }
    // The next line end. Most lines hold no CR: one memchr for LF, one over the same bytes for CR.
    const char* const from = base + scanned_;
    const std::size_t left = size_ - scanned_;
    const auto* lf = static_cast<const char*>(std::memchr(from, '\n', left));
    const std::size_t span = lf ? static_cast<std::size_t>(lf - from) : left;
    const auto* cr = static_cast<const char*>(std::memchr(from, '\r', span));
    const char* const end = cr ? cr : lf;
    if (end == nullptr) {
      scanned_ = size_;
      break;
    }
    const auto line_end = static_cast<std::size_t>(end - base);
    std::size_t next = line_end + 1;
    if (*end == '\r') {
      if (next < size_) {
        if (base[next] == '\n') ++next;
      } else {
        skip_lf_ = true;
      }
    }
    scanned_ = next;
    if (Status s = line_done(line_end, next, sink); !s) return s;
  }
  if (size_ - event_begin_ > event_bytes_max_) {
    return upstream_error("event_too_large", "a stream event is larger than event_bytes_max");
  }
  return {};
}

Status SseParser::line_done(std::size_t line_end, std::size_t next, SseSink& sink) {
  std::string_view line(buffer_.data() + line_begin_, line_end - line_begin_);
  std::size_t line_at = line_begin_;
  line_begin_ = next;
  if (first_line_) {
    // A byte order mark before the first field is not part of its name: clients strip it.
    first_line_ = false;
    if (line.starts_with("\xEF\xBB\xBF")) {
      line.remove_prefix(3);
      line_at += 3;
      any_line_ = true;
    }
  }
  if (line.empty()) return dispatch(next, sink);
  any_line_ = true;
  if (line.front() == ':') return {};
  const std::size_t colon = line.find(':');
  const std::string_view field = line.substr(0, colon);
  std::size_t value_at = colon == std::string_view::npos ? line.size() : colon + 1;
  if (value_at < line.size() && line[value_at] == ' ') ++value_at;
  const std::string_view value = line.substr(value_at);
  if (field == "data") {
    add_data(line_at + value_at, value);
  } else if (field == "event") {
    name_ = value;
  }
  return {};
}

void SseParser::add_data(std::size_t at, std::string_view value) {
  if (data_lines_ == 0) {
    data_begin_ = at;
    data_size_ = value.size();
  } else {
    if (data_lines_ == 1) data_.assign(buffer_, data_begin_, data_size_);
    data_ += '\n';
    data_ += value;
  }
  ++data_lines_;
}

Status SseParser::dispatch(std::size_t end, SseSink& sink) {
  if (!any_line_) return emit_bytes(end, sink);
  SseEvent event;
  event.name = name_;
  event.has_data = data_lines_ > 0;
  if (data_lines_ == 1) {
    event.data = std::string_view(buffer_.data() + data_begin_, data_size_);
  } else if (data_lines_ > 1) {
    const std::size_t size = data_.size();
    data_.resize(size + JsonReader::kPadding);
    event.data = std::string_view(data_.data(), size);
  }
  event.raw = std::string_view(buffer_.data() + event_begin_, end - event_begin_);
  if (event.raw.size() > event_bytes_max_) {
    return upstream_error("event_too_large", "a stream event is larger than event_bytes_max");
  }
  const Status status = sink.on_event(event);
  event_begin_ = end;
  lone_lf_ = skip_lf_;
  any_line_ = false;
  data_lines_ = 0;
  name_.clear();
  return status;
}

// Blank lines between events: bytes without meaning that still belong to the stream.
Status SseParser::emit_bytes(std::size_t end, SseSink& sink) {
  SseEvent event;
  event.raw = std::string_view(buffer_.data() + event_begin_, end - event_begin_);
  event_begin_ = end;
  lone_lf_ = skip_lf_;
  return sink.on_event(event);
}

Status SseParser::finish(SseSink& sink) {
  if (!failed_) return failed_;
  if (event_begin_ < size_) {
    if (line_begin_ < size_) {
      failed_ = line_done(size_, size_, sink);
      if (!failed_) return failed_;
    }
    failed_ = dispatch(size_, sink);
  }
  return failed_;
}

}  // namespace capsem::wire
