#include "bench/load/response.h"

#include <strings.h>

#include <charconv>

namespace capsem::bench {
namespace {

bool starts_with_nocase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         strncasecmp(text.data(), prefix.data(), prefix.size()) == 0;
}

std::uint64_t number(std::string_view text, int base) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

}  // namespace

void Response::take_line(std::string_view& in) {
  const auto end = in.find('\n');
  line_.append(in.substr(0, end));
  if (end == std::string_view::npos) {
    in = {};
    return;
  }
  in.remove_prefix(end + 1);
  if (!line_.empty() && line_.back() == '\r') line_.pop_back();
  line_done();
  line_.clear();
}

void Response::line_done() {
  switch (state_) {
    case State::Head:
      return header_done();
    case State::ChunkSize:
      left_ = number(line_, 16);
      state_ = left_ == 0 ? State::Trailer : State::Chunk;
      return;
    case State::ChunkEnd:
      state_ = line_.empty() ? State::ChunkSize : State::Failed;
      return;
    case State::Trailer:
      if (line_.empty()) state_ = State::Done;
      return;
    default:
      state_ = State::Failed;
  }
}

void Response::header_done() {
  constexpr std::string_view kLength = "content-length:", kEncoding = "transfer-encoding:";
  if (status_ == 0) {
    if (line_.size() < 12 || !line_.starts_with("HTTP/1.1 ")) {
      state_ = State::Failed;
      return;
    }
    status_ = static_cast<int>(number(std::string_view(line_).substr(9, 3), 10));
  } else if (line_.empty()) {
    state_ = chunked_ ? State::ChunkSize : left_ == 0 ? State::Done : State::Body;
  } else if (starts_with_nocase(line_, kLength)) {
    left_ = number(std::string_view(line_).substr(kLength.size()), 10);
  } else if (starts_with_nocase(line_, kEncoding)) {
    chunked_ = true;
  }
}

}  // namespace capsem::bench
