// One connection to the mock: reads requests, plays replies, and notices a peer that leaves.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "server/mock/reply.h"
#include "server/mock/service.h"
#include "server/mock/state.h"

namespace capsem::mock {

// Concrete executor types: the type-erased ones cost a virtual call per operation.
using Executor = boost::asio::io_context::executor_type;
using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
using Timer = boost::asio::basic_waitable_timer<
    std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// Kept alive by its own pending operations; belongs to the loop of its socket.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, std::shared_ptr<State> state);
  ~Session();

  void start();
  void stop();  // closes the socket; pending operations end with an error

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

  void read();     // the next request
  void receive();  // more bytes of it
  void consume();
  void respond();
  void begin_reply();
  void play();  // sends the next piece, after its delay
  void send_piece(std::string bytes);
  void write();  // output_, then plays on
  void write_segments();
  void end_reply();
  void fail_now(Fault fault);
  void watch_peer();
  void release_slot();
  bool reaches_fault() const;

  // Constant after construction.
  Socket socket_;
  Timer timer_;
  const std::shared_ptr<State> state_;

  // The request being read.
  std::string input_;  // received, not yet consumed
  std::optional<Parser> parser_;

  // The reply being played.
  Reply reply_;
  std::size_t next_piece_ = 0, sent_pieces_ = 0;
  std::string output_;  // being written
  std::size_t written_ = 0;
  bool keep_alive_ = true, in_flight_ = false, watching_ = false, finished_ = false;
  bool head_only_ = false;
};

}  // namespace capsem::mock
