#include "server/redis/client.h"

#include <hiredis/hiredis.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "server/net/stream.h"

namespace capsem::redis {
namespace {

constexpr std::int64_t kMs = 1'000'000;
// A connection that is not greeted by then is given up.
constexpr std::int64_t kGreetingNs = 900 * kMs;
constexpr std::size_t kReadBytes = 16u << 10;

}  // namespace

void Client::ReaderFree::operator()(redisReader* reader) const {
  redisReaderFree(reader);
}

Client::Client(net::Loop& loop, net::Resolver& resolver, const Target& target,
               const ClientOptions& options, Stats& stats, Hooks hooks)
    : loop_(loop),
      resolver_(resolver),
      target_(target),
      options_(options),
      stats_(stats),
      hooks_(std::move(hooks)),
      alarm_(loop, *this) {
  stats_.clients.fetch_add(1);
  loop_.timers().arm(probe_timer_, options_.probe_ms);
  loop_.post([this, alive = alive_] {
    if (*alive) resolve();
  });
}

Client::~Client() {
  *alive_ = false;
  if (state_ == State::Up) stats_.clients_up.fetch_sub(1);
  stats_.clients.fetch_sub(1);
  if (fd_ >= 0) ::close(fd_);
}

// ---- The connection ----

void Client::on_timer(net::Timer& timer) {
  loop_.timers().arm(timer, options_.probe_ms);
  if (state_ == State::Idle) return resolve();
  // A connection that nobody uses may have died without a word.
  const bool waits = !pending_.empty() && !pending_.back().failed;
  if (state_ == State::Up && !waits) call(Words({"PING"}), {});
}

void Client::resolve() {
  if (state_ != State::Idle) return;
  if (auto address = net::parse_address(target_.host, target_.port)) return connect({*address});
  state_ = State::Resolving;
  resolver_.resolve(loop_, target_.host, target_.port,
                    [this, alive = alive_](std::vector<net::Address> addresses) {
                      if (*alive && state_ == State::Resolving) connect(std::move(addresses));
                    });
}

void Client::connect(std::vector<net::Address> addresses) {
  state_ = State::Idle;
  if (addresses.empty()) return;
  const net::Address& address = addresses.front();
  fd_ = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd_ < 0) return;
  net::tune_socket(fd_);
  state_ = State::Connecting;
  if (::connect(fd_, address.get(), address.size) != 0 && errno != EINPROGRESS) return close(true);
  if (!loop_.watch(fd_, *this)) return close(true);
  greeted_by_ns_ = loop_.clock().monotonic_ns() + kGreetingNs;
  alarm_.ring_by(greeted_by_ns_);
}

void Client::on_io(std::uint32_t events) {
  if (fd_ < 0) return;
  if (state_ == State::Connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
      return close(true);
    }
    if ((events & net::kWritable) == 0) return;
    connected();
  }
  if ((events & net::kWritable) != 0) write_out();
  if (fd_ >= 0 && (events & (net::kReadable | net::kHangUp)) != 0 && !read_in()) close(true);
}

void Client::connected() {
  reader_.reset(redisReaderCreate());
  stats_.connects.fetch_add(1);
  state_ = State::Greeting;
  greeting_ = true;
  if (!target_.password.empty()) {
    Words login({"AUTH"});
    if (!target_.user.empty()) login.add(target_.user);
    login.add(target_.password.reveal());
    call(login, {});
  }
  call(Words({"SELECT"}).add(std::uint64_t{target_.database}), {});
  if (hooks_.greet) hooks_.greet(*this);
  greeting_ = false;
}

void Client::greeted() {
  state_ = State::Up;
  errors_ = 0;
  stats_.clients_up.fetch_add(1);
  if (hooks_.changed) hooks_.changed(true);
}

// Whoever waits is told, after everything here is in order again.
void Client::close(bool count) {
  const bool was_up = state_ == State::Up;
  state_ = State::Idle;
  if (fd_ >= 0) {
    loop_.unwatch(fd_);
    ::close(fd_);
  }
  fd_ = -1;
  reader_.reset();
  out_.clear();
  written_ = greetings_ = 0;
  errors_ = 0;
  if (was_up) stats_.clients_up.fetch_sub(1);
  if (was_up && count) stats_.breaks.fetch_add(1);
  auto lost = std::exchange(pending_, {});
  const auto alive = alive_;
  if (was_up && hooks_.changed) hooks_.changed(false);
  for (Pending& pending : lost) {
    if (!*alive) return;
    if (pending.failed) continue;
    stats_.failures.fetch_add(1);
    if (pending.done) pending.done(Answer());
  }
}

// ---- Calls ----

void Client::call(const Words& command, OnAnswer done) {
  if (!up() && !greeting_) return fail_later(std::move(done));
  Pending pending;
  pending.done = std::move(done);
  send({}, command, std::move(pending));
}

void Client::eval(const Script& script, Words arguments, OnAnswer done) {
  if (!up() && !greeting_) return fail_later(std::move(done));
  Pending pending;
  pending.done = std::move(done);
  pending.script = &script;
  const Words head =
      script.sha.empty() ? Words({"EVAL", script.text}) : Words({"EVALSHA", script.sha});
  send(head, arguments, std::move(pending));
  pending_.back().arguments = std::move(arguments);
}

void Client::fail_later(OnAnswer done) {
  stats_.calls.fetch_add(1);
  stats_.failures.fetch_add(1);
  if (!done) return;
  loop_.post([alive = alive_, done = std::move(done)] {
    if (*alive) done(Answer());
  });
}

void Client::send(const Words& head, const Words& words, Pending pending) {
  const std::int64_t now_ns = loop_.clock().monotonic_ns();
  stats_.calls.fetch_add(1);
  pending.greeting = greeting_;
  if (greeting_) ++greetings_;
  pending.until_ns = now_ns + (greeting_ ? kGreetingNs : std::int64_t{options_.call_ms} * kMs);
  pending_.push_back(std::move(pending));
  const bool idle = out_.empty();
  words.write(head, out_);
  alarm_.ring_by(pending_.back().until_ns);
  if (idle && !greeting_) write_out();
}

void Client::write_out() {
  while (written_ < out_.size()) {
    const ssize_t sent = ::send(fd_, out_.data() + written_, out_.size() - written_, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      // Not here: a caller is in the middle of call(). A broken connection is told by an edge.
      return;
    }
    written_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  written_ = 0;
}

// False: the connection is of no use any more.
bool Client::read_in() {
  std::array<char, kReadBytes> buffer;
  while (fd_ >= 0) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno == EAGAIN;
    if (got == 0) return false;
    if (redisReaderFeed(reader_.get(), buffer.data(), static_cast<std::size_t>(got)) != REDIS_OK) {
      return false;
    }
    if (!take_replies()) return fd_ < 0;  // closed already, and a callback may have opened anew
  }
  return true;
}

bool Client::take_replies() {
  const auto alive = alive_;
  while (true) {
    void* raw = nullptr;
    if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
      close(true);
      return false;
    }
    if (raw == nullptr) return true;
    const int fd = fd_;
    settle(OwnedReply(static_cast<redisReply*>(raw)));
    if (!*alive || fd_ != fd) return false;
  }
}

void Client::settle(OwnedReply owned) {
  const Answer reply(owned.get());
  if (hooks_.message && reply[0].text() == "message") return hooks_.message(reply);
  if (pending_.empty()) return;
  Pending pending = std::move(pending_.front());
  pending_.pop_front();
  if (pending.script != nullptr && !pending.failed && reply.error_is("NOSCRIPT")) {
    Pending again;
    again.done = std::move(pending.done);
    again.until_ns = pending.until_ns;
    greeting_ = pending.greeting;
    if (greeting_) --greetings_;
    send(Words({"EVAL", pending.script->text}), pending.arguments, std::move(again));
    greeting_ = false;
    if (state_ == State::Greeting) write_out();
    return;
  }
  if (pending.failed) return;
  const auto alive = alive_;
  if (pending.done) pending.done(reply);
  if (!*alive || fd_ < 0) return;
  if (!reply.error()) {
    errors_ = 0;
    if (pending.greeting && --greetings_ == 0 && state_ == State::Greeting) greeted();
    return;
  }
  if (pending.greeting || reply.error_is("READONLY")) return close(true);
  stats_.failures.fetch_add(1);
  failed();
}

void Client::failed() {
  if (++errors_ >= options_.breaker_errors) close(true);
}

void Client::on_alarm() {
  const std::int64_t now_ns = loop_.clock().monotonic_ns();
  const auto alive = alive_;
  if (state_ == State::Connecting || state_ == State::Greeting) {
    if (now_ns >= greeted_by_ns_) return close(true);
    return alarm_.ring_by(greeted_by_ns_);  // it was set for the connection before
  }
  std::vector<OnAnswer> late;
  for (Pending& pending : pending_) {
    if (pending.until_ns > now_ns) break;
    if (pending.failed) continue;
    pending.failed = true;
    stats_.timeouts.fetch_add(1);
    stats_.failures.fetch_add(1);
    late.push_back(std::move(pending.done));
    failed();
    if (fd_ < 0) break;  // the breaker has opened; close() has told the others
  }
  for (OnAnswer& done : late) {
    if (*alive && done) done(Answer());
  }
  if (!*alive || fd_ < 0) return;
  const auto next =
      std::ranges::find_if(pending_, [](const Pending& pending) { return !pending.failed; });
  if (next != pending_.end()) alarm_.ring_by(next->until_ns);
}

}  // namespace capsem::redis
