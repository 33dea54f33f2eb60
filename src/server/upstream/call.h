// One request to a provider and its answer, with its clocks. Redirects are answers. Cancelling is
// one operation in every phase: cancel(), after which no event comes.
//
// Retries: only while nothing of the request can have been acted on: no connection came about, or
// no byte of it was written. A request without a body also when a kept connection ended before the
// first answer byte.
//
// Not thread-safe: belongs to its provider's loop. The owner retires it (Loop::retire) rather than
// destroying it, for it may be on the call stack.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "server/http/body_reader.h"
#include "server/http/head_parser.h"
#include "server/net/loop.h"
#include "server/upstream/inflate.h"
#include "server/upstream/provider.h"

namespace capsem::upstream {

enum class CallFault : std::uint8_t {
  Connect,
  Tls,
  ConnectTimeout,
  FirstByteTimeout,
  GapTimeout,
  TotalTimeout,
  Closed,     // the provider ended the connection before the answer's end
  BadAnswer,  // not HTTP as it should be
  Forbidden,  // the name leads to addresses that may not be connected to (T23)
  Encoding,   // compressed in a way that cannot be decoded, or over the caps
};
// Stable names for records: "upstream_connect", "upstream_tls", "upstream_timeout", ...
std::string_view code_of(CallFault fault);

// Events of one call, in order: head, body pieces, end; or at any time failed, the last one.
class CallEvents {
 public:
  // Views are valid until the call returns. The body comes decoded.
  virtual void on_answer_head(const http::ResponseHead& head) = 0;
  virtual void on_answer_body(std::string_view bytes) = 0;
  virtual void on_answer_end() = 0;
  virtual void on_call_failed(CallFault fault) = 0;

 protected:
  ~CallEvents() = default;
};

struct CallRequest {
  std::string head;         // request line, fields and blank line
  std::string_view body;    // outlives the call
  bool stream = false;      // which set of clocks
  bool repeatable = false;  // GET: may be sent again when a kept connection was dead
};

class Call final : public net::TimerHandler, public net::Retirable {
 public:
  Call(Provider& provider, CallEvents& events) : provider_(provider), events_(events) {}
  ~Call() override { cancel(); }

  void start(CallRequest request);
  // Ends the call: the provider sees the connection close. No event comes afterwards.
  void cancel();
  // Back-pressure: while paused nothing is read, and the clock between bytes stands still.
  void pause() { paused_ = true; }
  void resume();

  bool ended() const { return phase_ == Phase::Ended; }
  bool reused_connection() const { return reused_; }
  std::uint32_t retries() const { return retries_; }
  // Any byte was written to the provider.
  bool contacted() const { return contacted_; }

  // From Provider and Connection.
  void attach(Connection& connection);
  void no_connection();
  void forbidden();  // no connection, and none is to be tried again
  void on_connection_io(std::uint32_t events);

 private:
  enum class Phase : std::uint8_t { Idle, Waiting, Connecting, Sending, Head, Body, Ended };

  void on_timer(net::Timer& timer) override;
  void arm(std::int64_t phase_ms);
  void continue_connecting();
  void begin_sending();
  void send_more();
  void connection_lost();
  void receive();
  bool take(std::string_view bytes);
  bool take_head(std::string_view& bytes);
  bool begin_body(const http::ResponseHead& head);
  bool take_body(std::string_view& bytes);
  bool deliver(std::string_view piece);
  void finish(bool reusable);
  void end_connection(bool reusable);
  bool retry();
  void fail(CallFault fault);

  Provider& provider_;
  CallEvents& events_;
  Connection* connection_ = nullptr;
  CallRequest request_;
  std::size_t sent_ = 0;
  Phase phase_ = Phase::Idle;
  bool reused_ = false, contacted_ = false, paused_ = false, answered_ = false;
  bool keep_alive_ = false;
  std::uint32_t retries_ = 0, interim_heads_ = 0;
  std::int64_t deadline_ms_ = 0;  // of the whole call, from its start
  std::string head_text_;         // a head that came in more than one read
  http::BodyReader body_;
  std::unique_ptr<Inflater> inflater_;
  net::Timer timer_{*this};
};

}  // namespace capsem::upstream
