#include "server/mock/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <cerrno>
#include <cstdio>

namespace capsem::mock {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr std::size_t kReadBytes = 64u << 10;

std::string_view reason_of(int status) {
  return http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
}

void append_chunk(std::string& out, std::string_view bytes) {
  std::array<char, 20> size;
  const int n = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  out.append(size.data(), static_cast<std::size_t>(n));
  out += bytes;
  out += "\r\n";
}

std::string head_of(const Reply& reply, bool keep_alive) {
  std::string out = "HTTP/1.1 " + std::to_string(reply.status) + " ";
  out += reason_of(reply.status);
  out += "\r\n";
  for (const auto& [name, value] : reply.headers) {
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
  }
  if (reply.chunked) {
    out += "Transfer-Encoding: chunked\r\n";
  } else {
    std::size_t length = reply.fault == Fault::Truncate ? 1000 : 0;
    for (const Piece& piece : reply.pieces) length += piece.bytes.size();
    out += "Content-Length: " + std::to_string(length) + "\r\n";
  }
  if (!keep_alive) out += "Connection: close\r\n";
  out += "\r\n";
  return out;
}

}  // namespace

Session::Session(Socket socket, std::shared_ptr<State> state)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), state_(std::move(state)) {
  ++state_->connections;
}

Session::~Session() {
  release_slot();
  --state_->connections;
}

void Session::release_slot() {
  if (in_flight_) --state_->open;
  in_flight_ = false;
}

void Session::start() {
  error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  read();
}

void Session::stop() {
  error_code ignored;
  timer_.cancel();
  socket_.close(ignored);
}

void Session::read() {
  if (!parser_) {
    parser_.emplace();
    parser_->body_limit(boost::none);
    parser_->header_limit(1u << 20);
    parser_->eager(true);
  }
  if (!input_.empty()) return consume();
  receive();
}

void Session::receive() {
  const std::size_t had = input_.size();
  input_.resize(had + kReadBytes);
  socket_.async_read_some(asio::buffer(input_.data() + had, kReadBytes),
                          [self = shared_from_this(), had](error_code error, std::size_t n) {
                            self->input_.resize(had + n);
                            if (!error) self->consume();
                          });
}

void Session::consume() {
  error_code error;
  const std::size_t used = parser_->put(asio::buffer(input_), error);
  input_.erase(0, used);
  if (error && error != http::error::need_more) return stop();
  if (parser_->is_done()) return respond();
  if (parser_->is_header_done() && input_.empty() &&
      parser_->get()[http::field::expect] == "100-continue") {
    parser_->get().erase(http::field::expect);
    output_ = "HTTP/1.1 100 Continue\r\n\r\n";
    return asio::async_write(socket_, asio::buffer(output_),
                             [self = shared_from_this()](error_code failed, std::size_t) {
                               if (!failed) self->receive();
                             });
  }
  receive();  // what the parser left is part of a line: it stays, and more is read behind it
}

void Session::respond() {
  auto message = parser_->release();
  parser_.reset();
  keep_alive_ = message.keep_alive();
  head_only_ = message.method() == http::verb::head;
  Request request;
  const auto method = message.method_string(), target = message.target();
  request.method = {method.data(), method.size()};
  request.target = {target.data(), target.size()};
  request.body = message.body();
  for (const auto& field : message) {
    const auto name = field.name_string(), value = field.value();
    request.headers.emplace_back(std::string_view(name.data(), name.size()),
                                 std::string_view(value.data(), value.size()));
  }
  if (is_control(request.target)) {
    reply_ = control(request, *state_);
    return begin_reply();
  }
  ++state_->open;
  ++state_->requests;
  in_flight_ = true;
  if (state_->records()) {
    Recorded record{
        std::string(request.method), std::string(request.target), {}, std::string(request.body)};
    for (const auto& [name, value] : request.headers) record.headers.emplace_back(name, value);
    state_->record(std::move(record));
  }
  reply_ = serve(request, *state_);
  begin_reply();
}

void Session::begin_reply() {
  next_piece_ = sent_pieces_ = written_ = 0;
  finished_ = false;
  output_.clear();
  if (reply_.delay_ms > 0) {
    watch_peer();
    timer_.expires_after(std::chrono::milliseconds(reply_.delay_ms));
    reply_.delay_ms = 0;
    return timer_.async_wait([self = shared_from_this()](error_code error) {
      if (!error) self->begin_reply();
    });
  }
  if (!reply_.raw.empty()) {
    output_ = reply_.raw;
    keep_alive_ = false;
    finished_ = true;
    return write();
  }
  if (reaches_fault()) return fail_now(reply_.fault);
  output_ = head_of(reply_, keep_alive_);
  const bool is_whole = !reply_.chunked && reply_.fault == Fault::None && reply_.segment == 0 &&
                        std::all_of(reply_.pieces.begin(), reply_.pieces.end(),
                                    [](const Piece& piece) { return piece.delay_ms == 0; });
  if (is_whole) {
    // The ordinary answer: head and body leave with one send.
    for (const Piece& piece : reply_.pieces) {
      if (!head_only_) output_ += piece.bytes;
    }
    finished_ = true;
    return write();
  }
  watch_peer();
  write();
}

bool Session::reaches_fault() const {
  return reply_.fault != Fault::None && sent_pieces_ >= reply_.fault_after;
}

void Session::play() {
  if (finished_) return end_reply();
  if (reaches_fault()) return fail_now(reply_.fault);
  Piece generated;
  Piece* piece = nullptr;
  if (next_piece_ < reply_.pieces.size()) {
    piece = &reply_.pieces[next_piece_++];
  } else if (reply_.more && reply_.more(generated)) {
    piece = &generated;
  }
  if (piece == nullptr) {
    finished_ = true;
    output_ = reply_.chunked ? "0\r\n\r\n" : "";
    return output_.empty() ? end_reply() : write();
  }
  ++sent_pieces_;
  if (piece->delay_ms == 0) return send_piece(std::move(piece->bytes));
  timer_.expires_after(std::chrono::milliseconds(piece->delay_ms));
  timer_.async_wait(
      [self = shared_from_this(), bytes = std::move(piece->bytes)](error_code error) mutable {
        if (!error) self->send_piece(std::move(bytes));
      });
}

void Session::send_piece(std::string bytes) {
  if (bytes.empty()) return play();  // an empty chunk would end the body
  output_.clear();
  if (reply_.chunked) {
    append_chunk(output_, bytes);
  } else {
    output_ = std::move(bytes);
  }
  write();
}

void Session::write() {
  written_ = 0;
  write_segments();
}

void Session::write_segments() {
  const std::size_t left = output_.size() - written_;
  const std::size_t size = reply_.segment > 0 ? std::min<std::size_t>(reply_.segment, left) : left;
  asio::async_write(socket_, asio::buffer(output_.data() + written_, size),
                    [self = shared_from_this()](error_code error, std::size_t n) {
                      if (error) return self->stop();
                      self->written_ += n;
                      if (self->written_ < self->output_.size()) return self->write_segments();
                      self->play();
                    });
}

void Session::end_reply() {
  release_slot();
  reply_ = {};
  error_code ignored;
  if (!keep_alive_) {
    socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    return;
  }
  if (!watching_) return read();
  // The watcher's wait is still pending and will end with the next request's first byte.
}

void Session::fail_now(Fault fault) {
  error_code ignored;
  switch (fault) {
    case Fault::Stall:
      return watch_peer();
    case Fault::Reset:
      socket_.set_option(asio::socket_base::linger(true, 0), ignored);
      return stop();
    case Fault::End:
      reply_.fault = Fault::None;
      reply_.more = nullptr;
      next_piece_ = reply_.pieces.size();
      return play();
    default:
      return stop();
  }
}

// While an answer is under way nothing is read, so a peer that leaves would go unnoticed until a
// write fails. One pending wait for readability sees it at once.
void Session::watch_peer() {
  if (watching_) return;
  watching_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    self->watching_ = false;
    if (error) return;
    char byte = 0;
    const auto n = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
      return self->watch_peer();  // woken for nothing
    if (n <= 0) {
      self->release_slot();
      return self->stop();
    }
    // Bytes of a next request: they are read when this answer has ended.
    if (!self->in_flight_ && self->reply_.pieces.empty()) self->read();
  });
}

}  // namespace capsem::mock
