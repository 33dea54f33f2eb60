// The body of a message after its head: by length, chunked, or until the connection ends. Chunked
// framing is read here and not by Beast, which lets extensions and trailers grow and merges
// trailers into the head. Trailers are checked and dropped.
//
// Split invariance: however the input is cut, the same body and the same verdict come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "server/http/limits.h"

namespace capsem::http {

class BodyReader {
 public:
  enum class Framing : std::uint8_t { None, Length, Chunked, UntilClose };
  enum class State : std::uint8_t { More, Done, Bad };

  BodyReader() = default;
  BodyReader(Framing framing, std::uint64_t length, const ReaderLimits& limits);

  // Takes bytes from the front of `input` and gives the next piece of body as `body`, which may be
  // empty while framing is read. Call until `input` is empty or the state is not More; what is left
  // of `input` when Done belongs to the next message.
  State next(std::string_view& input, std::string_view& body);

  // The peer has closed. Done only if that is how this body ends.
  State on_close() const;

  State state() const { return state_; }
  std::uint64_t body_bytes() const { return body_bytes_; }
  // Of a body whose length was declared.
  std::uint64_t bytes_left() const { return framing_ == Framing::Length ? left_ : 0; }
  std::string_view reason() const { return reason_; }  // when Bad

 private:
  enum class Part : std::uint8_t {
    SizeFirst,
    Size,
    SizeBlank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
  };

  State next_chunked(std::string_view& input, std::string_view& body);
  bool take_framing_byte(unsigned char byte);
  bool take_size_byte(unsigned char byte);
  bool take_trailer_byte(unsigned char byte);
  bool bad(std::string_view reason);

  Framing framing_ = Framing::None;
  State state_ = State::Done;
  Part part_ = Part::SizeFirst;
  bool quoted_ = false, escaped_ = false;  // in an extension's quoted string
  bool trailer_named_ = false;             // the trailer line's colon was seen
  std::uint64_t left_ = 0;                 // bytes of this body or chunk
  std::uint64_t body_bytes_ = 0;
  std::uint32_t line_bytes_ = 0, trailer_bytes_ = 0, trailers_ = 0, size_digits_ = 0;
  ReaderLimits limits_{};
  std::string_view reason_;
};

}  // namespace capsem::http
