#include "server/http/server_connection.h"

#include <algorithm>
#include <array>
#include <utility>

#include "server/http/writer.h"

namespace capsem::http {
namespace {

iovec piece(std::string_view text) {
  return {const_cast<char*>(text.data()), text.size()};
}

// Buffers of a connection that has been idle this long are given back.
constexpr std::int64_t kCoolDownMs = 1'000;

}  // namespace

ServerConnection::ServerConnection(net::Loop& loop, net::Stream stream, const ServerLimits& limits,
                                   std::uint32_t watermark_low, ServerEvents& events)
    : loop_(loop),
      stream_(std::move(stream)),
      limits_(limits),
      watermark_low_(watermark_low),
      events_(events),
      opened_ms_(loop.now_ms()) {}

bool ServerConnection::start() {
  if (!loop_.watch(stream_.fd(), *this)) return false;
  if (stream_.tls()) {
    state_ = State::Handshake;
    loop_.timers().arm(timer_, limits_.tls_handshake_ms);
  } else {
    loop_.timers().arm(timer_, limits_.idle_ms);
  }
  return true;
}

void ServerConnection::on_io(std::uint32_t events) {
  if (state_ == State::Closed) return;
  if ((events & net::kReadable) != 0) readable_ = true;
  if ((events & net::kHangUp) != 0) hung_up_ = true;
  if ((events & net::kWritable) != 0) {
    writable_ = true;
    if (unsent() > 0) flush();
  }
  pump();
}

void ServerConnection::shake_hands() {
  switch (stream_.handshake()) {
    case net::IoState::Ok:
      state_ = State::Idle;
      loop_.timers().arm(timer_, limits_.idle_ms);
      return;
    case net::IoState::Blocked:
      readable_ = false;
      if (hung_up_) end();
      return;
    default:
      return end();
  }
}

// Reads as long as there is something to read and somebody to read it for.
void ServerConnection::pump() {
  if (pumping_) return;
  pumping_ = true;
  if (state_ == State::Handshake) shake_hands();
  for (;;) {
    const bool wants = state_ == State::Idle || state_ == State::Head || state_ == State::Body ||
                       state_ == State::Skip || state_ == State::Linger;
    if (!wants) break;
    if (!ahead_.empty() && state_ != State::Linger) {
      std::string bytes;
      bytes.swap(ahead_);
      take(bytes);
    } else if (readable_) {
      read_once();
    } else {
      if (hung_up_) end();
      break;
    }
  }
  pumping_ = false;
  // The request is complete and the client is not there any more: whatever is done for it is in
  // vain.
  if (hung_up_ && state_ == State::Working) client_left();
}

void ServerConnection::read_once() {
  const net::BufferPool::Lease lease(loop_.buffers());
  const auto result = stream_.read(lease.bytes());
  if (result.state == net::IoState::Ok) {
    if (result.drained && !hung_up_) readable_ = false;
    last_read_ms_ = loop_.now_ms();
    return take({lease.bytes().data(), result.bytes});
  }
  readable_ = false;
  if (result.state == net::IoState::Blocked) {
    if (hung_up_) end();
    return;
  }
  if (state_ == State::Body) return client_left();
  end();
}

void ServerConnection::take(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::Idle:
        begin_request();
        break;
      case State::Head:
        if (!take_head(bytes)) return;
        break;
      case State::Body:
      case State::Skip:
        if (!take_body(bytes)) return;
        break;
      case State::Linger:
        if (!discard(bytes)) end();
        return;
      case State::Working:
        ahead_.append(bytes);
        return;
      default:
        return;
    }
  }
}

void ServerConnection::begin_request() {
  state_ = State::Head;
  head_text_.clear();
  head_.fields.clear();
  request_complete_ = response_begun_ = false;
  answer_bytes_ = 0;
  request_begin_ns_ = loop_.clock().monotonic_ns();
  loop_.timers().arm(timer_, limits_.header_read_ms);
}

// False: more is needed, or the request was refused.
bool ServerConnection::take_head(std::string_view& bytes) {
  const std::size_t before = head_text_.size();
  // Only as much is kept as a head may have; a body behind it is not copied along.
  const std::size_t room = limits_.reader.head_bytes_max + limits_.reader.request_line_bytes_max;
  const std::size_t in_bytes = before == 0 ? find_head_end(bytes, 0) : std::string_view::npos;
  if (in_bytes != std::string_view::npos && in_bytes <= room) {
    head_text_.assign(bytes.substr(0, in_bytes));
    bytes.remove_prefix(in_bytes);
  } else {
    const std::size_t take_bytes =
        std::min(bytes.size(), room + 4 > before ? room + 4 - before : 0);
    head_text_.append(bytes.data(), take_bytes);
    const std::size_t end = find_head_end(head_text_, before);
    if (end == std::string_view::npos) {
      const Refusal refusal = check_partial_request(head_text_, limits_.reader);
      if (refusal) refuse(refusal);
      return false;
    }
    bytes.remove_prefix(end - before);
    head_text_.resize(end);
  }
  head_.content_length.reset();
  head_.chunked = head_.expects_continue = head_.wants_upgrade = false;
  if (const Refusal refusal = parse_request_head(head_text_, limits_.reader, head_)) {
    refuse(refusal);
    return false;
  }
  if (head_.method == "CONNECT") {
    refuse({405, "CONNECT is not supported"});
    return false;
  }
  target_.path.clear();
  if (head_.method == "OPTIONS" && head_.target == "*") {
    target_.path.push_back('*');
    target_.raw_path = target_.query = {};
  } else if (const Refusal refusal = parse_target(head_.target, target_)) {
    refuse(refusal);
    return false;
  }
  ++requests_;
  if (!head_.keep_alive || requests_ >= limits_.requests_max ||
      loop_.now_ms() - opened_ms_ >= limits_.age_ms) {
    close_after_ = true;
  }
  using Framing = BodyReader::Framing;
  body_ = BodyReader(head_.chunked ? Framing::Chunked : Framing::Length,
                     head_.content_length.value_or(0), limits_.reader);
  request_complete_ = body_.state() == BodyReader::State::Done;
  state_ = request_complete_ ? State::Working : State::Body;
  timer_.cancel();
  if (!request_complete_) {
    body_begin_ms_ = last_read_ms_ = loop_.now_ms();
    loop_.timers().arm(timer_, std::min<std::int64_t>(limits_.body_gap_ms, 1'000));
  }
  events_.on_request(head_, target_);
  if (request_complete_) {
    if (state_ == State::Working && !response_begun_) events_.on_request_end();
  } else {
    continue_if_expected();
  }
  return true;
}

void ServerConnection::continue_if_expected() {
  if (!head_.expects_continue || response_begun_ || state_ != State::Body) return;
  const iovec interim = piece("HTTP/1.1 100 Continue\r\n\r\n");
  write(&interim, 1);
}

bool ServerConnection::take_body(std::string_view& bytes) {
  std::string_view part;
  const auto body_state = body_.next(bytes, part);
  if (body_state == BodyReader::State::Bad) {
    refuse({400, body_.reason()});
    return false;
  }
  if (state_ == State::Skip) {
    if (body_state == BodyReader::State::Done) become_idle();
    return true;
  }
  if (!part.empty()) events_.on_body(part);
  if (state_ != State::Body) return state_ != State::Closed;
  if (body_state == BodyReader::State::Done) {
    request_complete_ = true;
    state_ = State::Working;
    timer_.cancel();
    events_.on_request_end();
  }
  return state_ != State::Closed;
}

void ServerConnection::refuse(const Refusal& refusal) {
  close_after_ = true;
  if (state_ == State::Skip) return end();
  // From here on nothing of what the client sends is read as HTTP.
  state_ = State::Working;
  request_complete_ = false;
  timer_.cancel();
  if (response_begun_) return break_off();
  events_.on_refused(refusal);
}

void ServerConnection::on_timer(net::Timer&) {
  switch (state_) {
    case State::Idle:
      // The first of two clocks gives the buffers back, the second ends the connection.
      if (head_text_.capacity() > 64 || head_.fields.capacity() > 0) {
        std::string().swap(head_text_);
        std::string().swap(pending_);
        std::string().swap(out_head_);
        std::vector<Field>().swap(head_.fields);
        target_ = {};
        loop_.timers().arm(timer_, limits_.idle_ms - kCoolDownMs);
        return;
      }
      return end();
    case State::Head:
      return refuse({408, "Request head not received in time"});
    case State::Body:
    case State::Skip:
      return check_body_clock();
    case State::Working:
    case State::Flushing:
      if (unsent() > 0) client_left();  // it reads nothing
      return;
    case State::Handshake:
    case State::Linger:
      return end();
    case State::Closed:
      return;
  }
}

void ServerConnection::check_body_clock() {
  const std::int64_t now = loop_.now_ms();
  const std::int64_t elapsed = now - body_begin_ms_;
  const bool too_slow = elapsed > limits_.body_rate_after_ms &&
                        body_.body_bytes() * 1'000 < static_cast<std::uint64_t>(elapsed) *
                                                         std::uint64_t{limits_.body_rate_min};
  if (too_slow || now - last_read_ms_ >= limits_.body_gap_ms) {
    return refuse({408, "Request body not received in time"});
  }
  loop_.timers().arm(timer_, std::min<std::int64_t>(limits_.body_gap_ms, 1'000));
}

void ServerConnection::write(const iovec* pieces, std::size_t count) {
  if (state_ == State::Closed) return;
  std::size_t skip = 0;
  if (unsent() == 0 && writable_) {
    const auto result = stream_.write({pieces, count});
    if (result.state == net::IoState::Failed) return client_left();
    if (result.state == net::IoState::Ok) skip = result.bytes;
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto* base = static_cast<const char*>(pieces[i].iov_base);
    const std::size_t size = pieces[i].iov_len;
    if (skip >= size) {
      skip -= size;
      continue;
    }
    if (pending_sent_ == pending_.size()) {
      pending_.clear();
      pending_sent_ = 0;
    }
    pending_.append(base + skip, size - skip);
    skip = 0;
  }
  if (unsent() > 0) {
    // What a partial write left may find room at once, and then no edge would come: try until the
    // socket says that it is full.
    writable_ = true;
    if (!timer_.armed()) loop_.timers().arm(timer_, limits_.write_gap_ms);
    flush();
    if (unsent() > watermark_low_) draining_ = true;
  }
}

void ServerConnection::flush() {
  while (unsent() > 0 && writable_) {
    const iovec rest = piece(std::string_view(pending_).substr(pending_sent_));
    const auto result = stream_.write({&rest, 1});
    if (result.state == net::IoState::Failed) return client_left();
    if (result.state == net::IoState::Blocked) {
      writable_ = false;
      break;
    }
    pending_sent_ += result.bytes;
    loop_.timers().arm(timer_, limits_.write_gap_ms);
  }
  if (unsent() == 0) {
    pending_.clear();
    pending_sent_ = 0;
    if (state_ == State::Working || state_ == State::Flushing) timer_.cancel();
    if (state_ == State::Flushing) return answer_complete();
  }
  if (draining_ && unsent() <= watermark_low_) {
    draining_ = false;
    events_.on_drained();
  }
}

void ServerConnection::finish_head(std::string_view head) {
  response_begun_ = true;
  if (!request_complete_ && !can_skip_rest()) close_after_ = true;
  out_head_.assign(head);
}

// A short rest of known length is read and dropped, so that a refused request does not cost its
// client the connection. Not while it still waits for a 100: it may never send that body.
bool ServerConnection::can_skip_rest() const {
  const std::uint64_t left = body_.bytes_left();
  return state_ == State::Body && !head_.expects_continue && left > 0 &&
         left <= limits_.linger_bytes;
}

void ServerConnection::respond(std::string_view head, std::string_view body) {
  if (state_ == State::Closed) return;
  finish_head(head);
  const bool bodyless = head.substr(9, 3) == "204" || head.substr(9, 3) == "304";
  if (!bodyless) append_field(out_head_, "content-length", body.size());
  out_head_.append(close_after_ ? "connection: close\r\n\r\n" : "\r\n");
  const std::array<iovec, 2> pieces{piece(out_head_),
                                    piece(head_.method == "HEAD" ? std::string_view{} : body)};
  answer_bytes_ += body.size();
  write(pieces.data(), pieces.size());
  answer_complete();
}

void ServerConnection::begin_stream(std::string_view head) {
  if (state_ == State::Closed) return;
  chunked_out_ = head_.minor_version >= 1;
  if (!chunked_out_) close_after_ = true;
  finish_head(head);
  if (chunked_out_) out_head_.append("transfer-encoding: chunked\r\n");
  out_head_.append(close_after_ ? "connection: close\r\n\r\n" : "\r\n");
}

void ServerConnection::begin_sized(std::string_view head, std::uint64_t length) {
  if (state_ == State::Closed) return;
  chunked_out_ = false;
  finish_head(head);
  append_field(out_head_, "content-length", length);
  out_head_.append(close_after_ ? "connection: close\r\n\r\n" : "\r\n");
}

void ServerConnection::stream(std::string_view bytes) {
  if (state_ == State::Closed || bytes.empty()) return;
  answer_bytes_ += bytes.size();
  const std::size_t head_bytes = out_head_.size();
  if (chunked_out_) append_chunk_line(out_head_, bytes.size());
  const std::array<iovec, 3> pieces{piece(out_head_), piece(bytes),
                                    piece(chunked_out_ ? kChunkEnd : std::string_view{})};
  if (head_bytes == 0 && !chunked_out_) {
    write(pieces.data() + 1, 1);
  } else {
    write(pieces.data(), chunked_out_ ? 3 : 2);
  }
  out_head_.clear();
}

void ServerConnection::end_stream() {
  if (state_ == State::Closed) return;
  if (chunked_out_) out_head_.append(kLastChunk);
  if (!out_head_.empty()) {
    const iovec last = piece(out_head_);
    write(&last, 1);
    out_head_.clear();
  }
  answer_complete();
}

void ServerConnection::break_off() {
  if (state_ == State::Closed) return;
  stream_.abort();
  end();
}

// All of the answer has been handed to write().
void ServerConnection::answer_complete() {
  if (state_ == State::Closed) return;
  if (unsent() > 0) {
    state_ = State::Flushing;
    return;
  }
  if (close_after_) return begin_linger();
  if (request_complete_) return become_idle();
  state_ = State::Skip;
  loop_.timers().arm(timer_, std::min<std::int64_t>(limits_.body_gap_ms, 1'000));
}

void ServerConnection::become_idle() {
  state_ = State::Idle;
  loop_.timers().arm(timer_, kCoolDownMs);
}

void ServerConnection::go_on() {
  pump();
}

// Closing with unread input would reset the connection and could take the answer away from a client
// that is still sending: its bytes are read and dropped for a while.
void ServerConnection::begin_linger() {
  stream_.shut_down();
  state_ = State::Linger;
  lingered_ = 0;
  ahead_.clear();
  loop_.timers().arm(timer_, limits_.linger_ms);
}

bool ServerConnection::discard(std::string_view bytes) {
  lingered_ += static_cast<std::uint32_t>(bytes.size());
  return lingered_ <= limits_.linger_bytes;
}

void ServerConnection::close_when_idle() {
  close_after_ = true;
  if (state_ == State::Idle || state_ == State::Handshake) end();
}

void ServerConnection::client_left() {
  if (state_ == State::Closed) return;
  const bool in_request = state_ == State::Body || state_ == State::Working;
  state_ = State::Closed;
  timer_.cancel();
  stream_.close();
  if (in_request) events_.on_gone();
  events_.on_closed();
}

void ServerConnection::close() {
  client_left();
}

void ServerConnection::end() {
  if (state_ == State::Closed) return;
  state_ = State::Closed;
  timer_.cancel();
  stream_.close();
  events_.on_closed();
}

}  // namespace capsem::http
