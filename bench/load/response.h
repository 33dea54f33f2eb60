// Just enough of an HTTP/1.1 client to count answers: status, Content-Length or chunked body,
// keep-alive. Bytes go in as they arrive.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capsem::bench {

class Response {
 public:
  enum class State : std::uint8_t { Head, Body, ChunkSize, Chunk, ChunkEnd, Trailer, Done, Failed };

  // Hands the body's bytes to on_body(string_view) as they come. Bytes after the end are Failed:
  // nothing here pipelines.
  template <class F>
  void feed(std::string_view in, F on_body) {
    while (!in.empty() && state_ != State::Failed) step(in, on_body);
  }

  State state() const { return state_; }
  bool done() const { return state_ == State::Done; }
  bool failed() const { return state_ == State::Failed; }
  int status() const { return status_; }
  void reset() { *this = Response{}; }

 private:
  template <class F>
  void step(std::string_view& in, F& on_body) {
    switch (state_) {
      case State::Head:
      case State::ChunkSize:
      case State::ChunkEnd:
      case State::Trailer:
        return take_line(in);
      case State::Body:
      case State::Chunk: {
        const auto piece = in.substr(0, left_);
        in.remove_prefix(piece.size());
        left_ -= piece.size();
        on_body(piece);
        if (left_ == 0) state_ = state_ == State::Body ? State::Done : State::ChunkEnd;
        return;
      }
      case State::Done:
      case State::Failed:
        state_ = State::Failed;
        return;
    }
  }
  void take_line(std::string_view& in);
  void line_done();
  void header_done();

  State state_ = State::Head;
  int status_ = 0;
  bool chunked_ = false;
  std::uint64_t left_ = 0;
  std::string line_;
};

}  // namespace capsem::bench
