#include "core/wire/json_array.h"

#include <algorithm>

#include "core/wire/json.h"
#include "core/wire/json_string.h"

namespace capsem::wire {
namespace {

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

// Input is taken in pieces of this size, so that the buffer is bounded by the element limit and not
// by how much happens to arrive at once.
constexpr std::size_t kTakeMax = 16384;

std::unexpected<Error> malformed() {
  return upstream_error("invalid_json", "The answer is not an array of JSON elements.");
}

}  // namespace

JsonArraySplitter::JsonArraySplitter(std::size_t element_bytes_max)
    : element_bytes_max_(element_bytes_max) {}

Status JsonArraySplitter::feed(std::string_view bytes, JsonArraySink& sink) {
  while (failed_ && !bytes.empty()) {
    const std::size_t take = std::min(bytes.size(), kTakeMax);
    const std::size_t need = size_ + take + JsonReader::kPadding;
    if (buffer_.size() < need) buffer_.resize(std::max(need, buffer_.size() * 2));
    std::copy_n(bytes.data(), take, buffer_.data() + size_);
    size_ += take;
    bytes.remove_prefix(take);

    for (; failed_ && scanned_ < size_; ++scanned_) {
      if (in_string_ && !escaped_) {
        // Strings are most of the bytes: to their next quote or backslash at vector speed.
        const char* at = find_string_special(buffer_.data() + scanned_, buffer_.data() + size_);
        scanned_ = static_cast<std::size_t>(at - buffer_.data());
        if (scanned_ == size_) break;
      }
      failed_ = examine(buffer_[scanned_], sink);
    }
    std::copy(buffer_.data() + raw_begin_, buffer_.data() + size_, buffer_.data());
    size_ -= raw_begin_;
    scanned_ = size_;
    element_begin_ -= std::min(element_begin_, raw_begin_);
    raw_begin_ = 0;
    if (failed_ && size_ > element_bytes_max_) {
      failed_ = upstream_error("event_too_large", "An element of the answer is too large.");
    }
  }
  return failed_;
}

Status JsonArraySplitter::examine(char c, JsonArraySink& sink) {
  switch (state_) {
    case State::Start:
      if (is_space(c)) return {};
      if (c == '[') {
        state_ = State::First;
        return {};
      }
      lone_ = true;
      return c == '{' ? begin_element(c) : malformed();
    case State::First:
      if (is_space(c)) return {};
      if (c == ']') {
        state_ = State::End;
        return {};
      }
      return begin_element(c);
    case State::Next:
      return is_space(c) ? Status{} : begin_element(c);
    case State::Separator:
      return separator(c);
    case State::End:
      return is_space(c) ? Status{} : malformed();
    case State::Nested:
    case State::Text:
    case State::Scalar:
      return element_byte(c, sink);
  }
  return malformed();
}

Status JsonArraySplitter::begin_element(char c) {
  if (c == ',' || c == ']' || c == '}' || c == ':') return malformed();
  element_begin_ = scanned_;
  depth_ = 0;
  state_ = State::Scalar;
  if (c == '"') {
    state_ = State::Text;
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    state_ = State::Nested;
    depth_ = 1;
  }
  return {};
}

Status JsonArraySplitter::separator(char c) {
  if (is_space(c)) return {};
  if (c != ',' && c != ']') return malformed();
  state_ = c == ',' ? State::Next : State::End;
  return {};
}

Status JsonArraySplitter::element_byte(char c, JsonArraySink& sink) {
  if (in_string_) {
    if (escaped_) {
      escaped_ = false;
    } else if (c == '\\') {
      escaped_ = true;
    } else if (c == '"') {
      in_string_ = false;
      if (state_ == State::Text) return emit(scanned_ + 1, sink);
    }
    return {};
  }
  if (state_ == State::Scalar) {
    if (c != ',' && c != ']' && !is_space(c)) return {};
    if (auto status = emit(scanned_, sink); !status) return status;
    return separator(c);
  }
  if (c == '"') {
    in_string_ = true;
  } else if (c == '{' || c == '[') {
    ++depth_;
  } else if ((c == '}' || c == ']') && --depth_ == 0) {
    return emit(scanned_ + 1, sink);
  }
  return {};
}

Status JsonArraySplitter::emit(std::size_t end, JsonArraySink& sink) {
  state_ = lone_ ? State::End : State::Separator;
  const std::string_view held(buffer_.data(), end);
  const JsonElement element{.data = held.substr(element_begin_), .raw = held.substr(raw_begin_)};
  if (element.raw.size() > element_bytes_max_) {
    return upstream_error("event_too_large", "An element of the answer is too large.");
  }
  raw_begin_ = end;
  return sink.on_element(element);
}

Result<std::string_view> JsonArraySplitter::finish() {
  if (failed_ && state_ != State::End) {
    failed_ = upstream_error("truncated_stream", "The answer ended inside its array.");
  }
  if (!failed_) return std::unexpected(failed_.error());
  return std::string_view(buffer_.data(), size_);
}

}  // namespace capsem::wire
