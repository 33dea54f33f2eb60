// A client's connection: reads requests strictly and one at a time, with a clock in every state,
// and writes their answers. Pipelined requests wait unread until the answer before them is out.
//
// Life of a request:  on_request()  on_body()*  on_request_end()   from the connection,
//                     respond()  or  begin_stream() stream()* end_stream()   to it, at any time
//                     after on_request(), and then go_on().
// An answer that is complete before the request is read to its end: the rest is read and dropped
// when it is short, and otherwise the connection closes (lingering, so that the answer is not
// lost). on_gone() ends a request whose client left; on_closed() is the last call of all.
//
// Not thread-safe: belongs to its loop. Its owner retires it (Loop::retire) in on_closed().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/http/body_reader.h"
#include "server/http/head_parser.h"
#include "server/http/limits.h"
#include "server/http/path.h"
#include "server/net/loop.h"
#include "server/net/stream.h"

namespace capsem::http {

class ServerEvents {
 public:
  // `head` and `target` stay valid until the answer is complete.
  virtual void on_request(const RequestHead& head, const Target& target) = 0;
  virtual void on_body(std::string_view bytes) = 0;
  virtual void on_request_end() = 0;
  // The request could not be read, or came too slowly. Answers with respond(); the connection
  // closes afterwards. No on_request() need have come before.
  virtual void on_refused(const Refusal& refusal) = 0;
  // All unsent bytes are on their way again (below the low watermark).
  virtual void on_drained() = 0;
  // The client left before its answer was complete. No answer can be given any more.
  virtual void on_gone() = 0;
  virtual void on_closed() = 0;

 protected:
  ~ServerEvents() = default;
};

class ServerConnection final : public net::IoHandler, public net::TimerHandler {
 public:
  // `limits` outlives the connection.
  ServerConnection(net::Loop& loop, net::Stream stream, const ServerLimits& limits,
                   std::uint32_t watermark_low, ServerEvents& events);
  ServerConnection(const ServerConnection&) = delete;
  ServerConnection& operator=(const ServerConnection&) = delete;

  // False: the loop refused the socket.
  bool start();

  // `head`: status line and fields, each line ended, without framing fields and blank line.
  void respond(std::string_view head, std::string_view body);
  // For answers whose length is not known: chunked, or until close for HTTP/1.0. The head leaves
  // with the first bytes.
  void begin_stream(std::string_view head);
  // For answers whose length is known but whose bytes come later.
  void begin_sized(std::string_view head, std::uint64_t length);
  void stream(std::string_view bytes);
  void end_stream();
  // After respond() or end_stream(), once its owner is ready for the next request: reads on.
  void go_on();
  // The answer cannot be completed: the connection breaks off, so that nobody takes it for whole.
  void break_off();

  // Closes when nothing is being answered; otherwise after the answer.
  void close_when_idle();
  void close();  // at once

  bool answering() const { return state_ == State::Working || state_ == State::Body; }
  bool idle() const { return state_ == State::Idle; }
  std::size_t unsent() const { return pending_.size() - pending_sent_; }
  std::uint64_t answer_bytes() const { return answer_bytes_; }
  bool closed() const { return state_ == State::Closed; }
  // Time of the first byte and of the last byte of the request, monotonic.
  std::int64_t request_begin_ns() const { return request_begin_ns_; }

 private:
  enum class State : std::uint8_t {
    Handshake,
    Idle,  // between requests
    Head,
    Body,
    Skip,      // answered: the rest of the body is dropped
    Working,   // read, not answered
    Flushing,  // answered, not all sent
    Linger,
    Closed,
  };

  void on_io(std::uint32_t events) override;
  void on_timer(net::Timer& timer) override;
  void shake_hands();
  void pump();
  void read_once();
  void take(std::string_view bytes);
  bool take_head(std::string_view& bytes);
  bool take_body(std::string_view& bytes);
  void begin_request();
  void continue_if_expected();
  void refuse(const Refusal& refusal);
  void check_body_clock();
  void write(const iovec* pieces, std::size_t count);
  void flush();
  void finish_head(std::string_view head);
  void end_head();
  bool can_skip_rest() const;
  void answer_complete();
  void become_idle();
  void begin_linger();
  void client_left();
  void end();
  bool discard(std::string_view bytes);

  net::Loop& loop_;
  net::Stream stream_;
  const ServerLimits& limits_;
  const std::uint32_t watermark_low_;
  ServerEvents& events_;
  net::Timer timer_{*this};

  State state_ = State::Idle;
  bool readable_ = true, writable_ = true, hung_up_ = false;
  bool pumping_ = false;      // take() is on the stack: it goes on with what is left
  bool close_after_ = false;  // no further request on this connection
  bool request_complete_ = false, response_begun_ = false, chunked_out_ = false;
  bool draining_ = false;  // unsent() has passed the watermark since the last on_drained()
  std::uint32_t requests_ = 0;
  std::uint32_t lingered_ = 0;
  std::int64_t opened_ms_ = 0, body_begin_ms_ = 0, last_read_ms_ = 0, request_begin_ns_ = 0;
  std::uint64_t answer_bytes_ = 0;

  std::string head_text_;
  RequestHead head_;
  Target target_;
  BodyReader body_;
  std::string ahead_;     // read, but belonging to the next request
  std::string out_head_;  // an answer's head that waits for its first bytes
  std::string pending_;   // unsent from pending_sent_ on
  std::size_t pending_sent_ = 0;
};

}  // namespace capsem::http
