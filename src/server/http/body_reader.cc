#include "server/http/body_reader.h"

#include <algorithm>

namespace capsem::http {
namespace {

int hex_value(unsigned char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const unsigned char low = c | 0x20;
  if (low >= 'a' && low <= 'f') return low - 'a' + 10;
  return -1;
}

bool is_token_byte(unsigned char c) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
         kOther.find(static_cast<char>(c)) != std::string_view::npos;
}

bool is_control(unsigned char c) {
  return (c < 0x20 && c != '\t') || c == 0x7f;
}

}  // namespace

BodyReader::BodyReader(Framing framing, std::uint64_t length, const ReaderLimits& limits)
    : framing_(framing), left_(length), limits_(limits) {
  const bool empty = framing == Framing::None || (framing == Framing::Length && length == 0);
  state_ = empty ? State::Done : State::More;
  if (framing == Framing::Chunked) left_ = 0;
}

BodyReader::State BodyReader::on_close() const {
  return framing_ == Framing::UntilClose || state_ == State::Done ? State::Done : State::Bad;
}

bool BodyReader::bad(std::string_view reason) {
  reason_ = reason;
  state_ = State::Bad;
  return false;
}

BodyReader::State BodyReader::next(std::string_view& input, std::string_view& body) {
  body = {};
  if (state_ != State::More) return state_;
  if (framing_ == Framing::Chunked) return next_chunked(input, body);
  const std::size_t take =
      framing_ == Framing::UntilClose
          ? input.size()
          : static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
  body = input.substr(0, take);
  input.remove_prefix(take);
  body_bytes_ += take;
  if (framing_ == Framing::Length && (left_ -= take) == 0) state_ = State::Done;
  return state_;
}

BodyReader::State BodyReader::next_chunked(std::string_view& input, std::string_view& body) {
  while (!input.empty() && state_ == State::More) {
    if (part_ == Part::Data) {
      const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, input.size()));
      body = input.substr(0, take);
      input.remove_prefix(take);
      body_bytes_ += take;
      if ((left_ -= take) == 0) part_ = Part::DataCr;
      return state_;
    }
    const auto byte = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    if (!take_framing_byte(byte)) return state_;
  }
  return state_;
}

bool BodyReader::take_framing_byte(unsigned char byte) {
  switch (part_) {
    case Part::DataCr:
      if (byte != '\r') return bad("Chunk longer than its size");
      part_ = Part::DataLf;
      return true;
    case Part::DataLf:
      if (byte != '\n') return bad("Malformed line ending after a chunk");
      part_ = Part::SizeFirst;
      return true;
    case Part::TrailerStart:
    case Part::Trailer:
    case Part::TrailerLf:
    case Part::EndLf:
      return take_trailer_byte(byte);
    default:
      return take_size_byte(byte);
  }
}

// chunk-size [ ";" extension ] CRLF. Extensions are checked for their bytes and dropped.
bool BodyReader::take_size_byte(unsigned char byte) {
  if (part_ == Part::SizeFirst) {
    line_bytes_ = size_digits_ = 0;
    left_ = 0;
    quoted_ = escaped_ = false;
    part_ = Part::Size;
  }
  if (++line_bytes_ > limits_.chunk_line_bytes_max) return bad("Chunk line too long");
  if (part_ == Part::SizeLf) {
    if (byte != '\n') return bad("Malformed line ending in a chunk line");
    part_ = left_ == 0 ? Part::TrailerStart : Part::Data;
    return true;
  }
  if (part_ == Part::Size) {
    if (const int digit = hex_value(byte); digit >= 0) {
      if (++size_digits_ > 15) return bad("Chunk too large");
      left_ = left_ * 16 + static_cast<unsigned>(digit);
      return true;
    }
    if (size_digits_ == 0) return bad("Malformed chunk size");
    if (byte == ';') {
      part_ = Part::Extension;
      return true;
    }
  } else if (part_ == Part::Extension) {
    if (is_control(byte) && byte != '\r') return bad("Control byte in a chunk extension");
    if (quoted_) {
      if (byte == '\r') return bad("Malformed chunk extension");
      if (escaped_) {
        escaped_ = false;
      } else if (byte == '\\') {
        escaped_ = true;
      } else if (byte == '"') {
        quoted_ = false;
      }
      return true;
    }
    if (byte == '"') quoted_ = true;
    if (byte != '\r') return true;
  }
  if (byte != '\r') return bad("Malformed chunk size");
  part_ = Part::SizeLf;
  return true;
}

bool BodyReader::take_trailer_byte(unsigned char byte) {
  if (++trailer_bytes_ > limits_.trailer_bytes_max) return bad("Trailers too large");
  switch (part_) {
    case Part::TrailerStart:
      if (byte == '\r') {
        part_ = Part::EndLf;
        return true;
      }
      if (!is_token_byte(byte)) return bad("Malformed trailer");
      if (++trailers_ > limits_.trailers_max) return bad("Too many trailers");
      trailer_named_ = false;
      part_ = Part::Trailer;
      return true;
    case Part::Trailer:
      if (byte == '\r') {
        if (!trailer_named_) return bad("Malformed trailer");
        part_ = Part::TrailerLf;
        return true;
      }
      if (!trailer_named_ && byte == ':') {
        trailer_named_ = true;
        return true;
      }
      if (trailer_named_ ? is_control(byte) : !is_token_byte(byte)) return bad("Malformed trailer");
      return true;
    case Part::TrailerLf:
      if (byte != '\n') return bad("Malformed line ending in a trailer");
      part_ = Part::TrailerStart;
      return true;
    default:  // EndLf
      if (byte != '\n') return bad("Malformed line ending after the last chunk");
      state_ = State::Done;
      return true;
  }
}

}  // namespace capsem::http
