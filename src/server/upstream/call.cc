#include "server/upstream/call.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>

namespace capsem::upstream {

std::string_view code_of(CallFault fault) {
  switch (fault) {
    case CallFault::Connect:
      return "upstream_connect";
    case CallFault::Tls:
      return "upstream_tls";
    case CallFault::ConnectTimeout:
      return "upstream_connect_timeout";
    case CallFault::FirstByteTimeout:
      return "upstream_first_byte_timeout";
    case CallFault::GapTimeout:
      return "upstream_gap_timeout";
    case CallFault::TotalTimeout:
      return "upstream_total_timeout";
    case CallFault::Closed:
      return "upstream_closed";
    case CallFault::BadAnswer:
      return "upstream_bad_answer";
    case CallFault::Forbidden:
      return "upstream_forbidden";
    case CallFault::Encoding:
      return "upstream_encoding";
  }
  return "upstream_error";
}

void Call::start(CallRequest request) {
  request_ = std::move(request);
  const Limits& limits = provider_.limits();
  deadline_ms_ =
      provider_.loop().now_ms() + (request_.stream ? limits.total_stream_ms : limits.total_ms);
  phase_ = Phase::Waiting;
  arm(limits.connect_ms);
  provider_.obtain(*this, false);
}

void Call::cancel() {
  if (phase_ == Phase::Ended || phase_ == Phase::Idle) return;
  phase_ = Phase::Ended;
  timer_.cancel();
  provider_.forget(*this);
  end_connection(false);
}

void Call::arm(std::int64_t phase_ms) {
  net::TimerWheel& wheel = provider_.loop().timers();
  wheel.arm(timer_, std::min(phase_ms, deadline_ms_ - wheel.now_ms()));
}

void Call::on_timer(net::Timer&) {
  const bool total = provider_.loop().now_ms() >= deadline_ms_;
  switch (phase_) {
    case Phase::Waiting:
    case Phase::Connecting:
      // Another address may answer; the retries bound how long that is tried.
      if (!total && retry()) return;
      return fail(CallFault::ConnectTimeout);
    case Phase::Head:
      return fail(total ? CallFault::TotalTimeout : CallFault::FirstByteTimeout);
    case Phase::Sending:
    case Phase::Body:
      if (paused_ && !total) return;
      return fail(total ? CallFault::TotalTimeout : CallFault::GapTimeout);
    case Phase::Idle:
    case Phase::Ended:
      return;
  }
}

void Call::attach(Connection& connection) {
  connection_ = &connection;
  connection.call = this;
  if (connection.connected) {
    reused_ = true;
    begin_sending();
  } else {
    reused_ = false;
    phase_ = Phase::Connecting;
    arm(provider_.limits().connect_ms);
    if (connection.writable) continue_connecting();
  }
}

void Call::no_connection() {
  if (!retry()) fail(CallFault::Connect);
}

void Call::forbidden() {
  fail(CallFault::Forbidden);
}

void Call::on_connection_io(std::uint32_t events) {
  if (phase_ == Phase::Connecting) return continue_connecting();
  if (phase_ == Phase::Sending && (events & net::kWritable) != 0) send_more();
  if (phase_ != Phase::Ended && connection_ != nullptr && connection_->readable) receive();
}

void Call::continue_connecting() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(connection_->stream.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0 || connection_->hung_up) {
    if (!retry()) fail(CallFault::Connect);
    return;
  }
  if (!connection_->writable) return;
  switch (connection_->stream.handshake()) {
    case net::IoState::Ok:
      connection_->connected = true;
      return begin_sending();
    case net::IoState::Blocked:
      return;
    default:
      // Certificates do not get better by asking again; the key has not been sent.
      return fail(CallFault::Tls);
  }
}

void Call::begin_sending() {
  phase_ = Phase::Sending;
  sent_ = 0;
  connection_->writable = true;
  arm(provider_.limits().gap_ms);
  send_more();
}

void Call::send_more() {
  const std::size_t total = request_.head.size() + request_.body.size();
  while (sent_ < total) {
    std::array<iovec, 2> pieces{};
    std::size_t count = 0;
    const auto add = [&](std::string_view text) {
      if (text.empty()) return;
      pieces[count++] = {const_cast<char*>(text.data()), text.size()};
    };
    const std::size_t head = request_.head.size();
    if (sent_ < head) {
      add(std::string_view(request_.head).substr(sent_));
      add(request_.body);
    } else {
      add(request_.body.substr(sent_ - head));
    }
    const auto result = connection_->stream.write(std::span(pieces.data(), count));
    if (result.state == net::IoState::Blocked) {
      connection_->writable = false;
      return;
    }
    if (result.state != net::IoState::Ok) return connection_lost();
    contacted_ = true;
    sent_ += result.bytes;
    arm(provider_.limits().gap_ms);
  }
  phase_ = Phase::Head;
  const Limits& limits = provider_.limits();
  arm(request_.stream ? limits.first_byte_stream_ms : limits.first_byte_ms);
}

// Writing failed or the peer hung up before the answer was complete.
void Call::connection_lost() {
  // A provider that refuses a large body answers and closes before it has read all of it.
  if (sent_ > 0 && connection_->readable && phase_ == Phase::Sending) {
    phase_ = Phase::Head;
    return receive();
  }
  const bool untouched = sent_ == 0 || (request_.repeatable && reused_);
  if (untouched && !answered_ && head_text_.empty() && retry()) return;
  fail(CallFault::Closed);
}

void Call::receive() {
  if (phase_ != Phase::Head && phase_ != Phase::Body && phase_ != Phase::Sending) return;
  const net::BufferPool::Lease lease(provider_.loop().buffers());
  // A provider that sends faster than this loop can pass on must not keep it for itself.
  int reads_left = 16;
  while (!paused_ && connection_ != nullptr && connection_->readable) {
    if (reads_left-- == 0) {
      provider_.loop().renotify(connection_->stream.fd(), *connection_);
      return;
    }
    const auto result = connection_->stream.read(lease.bytes());
    if (result.state == net::IoState::Blocked) {
      connection_->readable = false;
      return;
    }
    if (result.state == net::IoState::Ok) {
      // A hang-up is only seen by reading up to it.
      if (result.drained && !connection_->hung_up) connection_->readable = false;
      if (!take({lease.bytes().data(), result.bytes})) return;
      continue;
    }
    connection_->readable = false;
    if (phase_ == Phase::Body && result.state == net::IoState::Closed &&
        body_.on_close() == http::BodyReader::State::Done) {
      return finish(false);
    }
    return connection_lost();
  }
}

// False: the call has ended.
bool Call::take(std::string_view bytes) {
  while (phase_ != Phase::Body) {
    if (!take_head(bytes)) return phase_ != Phase::Ended;
    if (bytes.empty() && phase_ != Phase::Body) return phase_ != Phase::Ended;
  }
  if (!paused_) arm(provider_.limits().gap_ms);
  return take_body(bytes);
}

// False: the head is not complete yet, or the call has ended.
bool Call::take_head(std::string_view& bytes) {
  const Limits& limits = provider_.limits();
  std::string_view text = bytes;
  const std::size_t before = head_text_.size();
  if (before > 0) {
    head_text_.append(bytes);
    text = head_text_;
  }
  const std::size_t end = http::find_head_end(text, before);
  if (end == std::string_view::npos) {
    if (before == 0) head_text_.assign(bytes);
    if (head_text_.size() > limits.head.head_bytes_max) fail(CallFault::BadAnswer);
    return false;
  }
  bytes.remove_prefix(end - before);
  answered_ = true;
  http::ResponseHead head;
  if (http::parse_response_head(text.substr(0, end), limits.head, false, head)) {
    fail(CallFault::BadAnswer);
    return false;
  }
  if (head.status < 200) {
    // Interim answers are skipped; an upgrade was never asked for (T03).
    head_text_.clear();
    if (head.status == 101 || ++interim_heads_ > 8) {
      fail(CallFault::BadAnswer);
      return false;
    }
    return true;
  }
  if (!begin_body(head)) return false;
  events_.on_answer_head(head);
  head_text_.clear();
  return phase_ != Phase::Ended;
}

bool Call::begin_body(const http::ResponseHead& head) {
  using Framing = http::BodyReader::Framing;
  Framing framing = Framing::UntilClose;
  if (head.status == 204 || head.status == 304) {
    framing = Framing::None;
  } else if (head.chunked) {
    framing = Framing::Chunked;
  } else if (head.content_length) {
    framing = Framing::Length;
  }
  const Limits& limits = provider_.limits();
  body_ = http::BodyReader(framing, head.content_length.value_or(0), limits.head);
  keep_alive_ = head.keep_alive && framing != Framing::UntilClose;
  const auto encoding = head.get(http::FieldId::content_encoding);
  if (!encoding.empty() && !http::equals_ignoring_case(encoding, "identity")) {
    inflater_ = Inflater::make(encoding, {limits.inflate_bytes_max, limits.inflate_ratio_max});
    if (!inflater_) {
      fail(CallFault::Encoding);
      return false;
    }
  }
  // What is left of the request is not sent any more; the connection cannot be used again.
  if (phase_ == Phase::Sending || sent_ < request_.head.size() + request_.body.size()) {
    keep_alive_ = false;
  }
  phase_ = Phase::Body;
  return true;
}

bool Call::take_body(std::string_view& bytes) {
  for (;;) {
    std::string_view piece;
    const auto state = body_.next(bytes, piece);
    if (!piece.empty() && !deliver(piece)) return false;
    if (state == http::BodyReader::State::Bad) {
      fail(CallFault::BadAnswer);
      return false;
    }
    if (state == http::BodyReader::State::Done) {
      finish(keep_alive_ && bytes.empty());
      return false;
    }
    if (bytes.empty()) return true;
  }
}

bool Call::deliver(std::string_view piece) {
  if (!inflater_) {
    events_.on_answer_body(piece);
    return phase_ != Phase::Ended;
  }
  std::string plain;
  if (!inflater_->feed(piece, plain)) {
    fail(CallFault::Encoding);
    return false;
  }
  if (!plain.empty()) events_.on_answer_body(plain);
  return phase_ != Phase::Ended;
}

void Call::finish(bool reusable) {
  if (inflater_ && !inflater_->complete() && body_.body_bytes() > 0) {
    return fail(CallFault::Encoding);
  }
  phase_ = Phase::Ended;
  timer_.cancel();
  if (reusable && connection_->readable) {
    // More was perhaps sent than belongs to this answer: only an empty socket goes back (T02).
    char extra = 0;
    reusable = connection_->stream.read({&extra, 1}).state == net::IoState::Blocked;
    connection_->readable = false;
  }
  end_connection(reusable);
  events_.on_answer_end();
}

void Call::end_connection(bool reusable) {
  if (connection_ == nullptr) return;
  Connection& connection = *std::exchange(connection_, nullptr);
  connection.used = true;
  provider_.give_back(connection, reusable);
}

bool Call::retry() {
  if (retries_ >= provider_.limits().retries_max) return false;
  ++retries_;
  phase_ = Phase::Waiting;
  provider_.forget(*this);
  end_connection(false);
  arm(provider_.limits().connect_ms);
  provider_.obtain(*this, true);
  return true;
}

void Call::resume() {
  if (!paused_) return;
  paused_ = false;
  if (phase_ != Phase::Body) return;
  arm(provider_.limits().gap_ms);
  if (connection_ != nullptr && connection_->readable) receive();
}

void Call::fail(CallFault fault) {
  if (phase_ == Phase::Ended) return;
  cancel();
  events_.on_call_failed(fault);
}

}  // namespace capsem::upstream
