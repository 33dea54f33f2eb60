#include "server/upstream/provider.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "server/net/reach.h"
#include "server/upstream/call.h"

namespace capsem::upstream {

void Connection::on_io(std::uint32_t events) {
  if ((events & net::kReadable) != 0) readable = true;
  if ((events & net::kWritable) != 0) writable = true;
  if ((events & net::kHangUp) != 0) hung_up = true;
  if (!stream.open()) return;  // closed earlier in this batch
  if (call != nullptr) {
    call->on_connection_io(events);
  } else if ((events & (net::kReadable | net::kHangUp)) != 0) {
    provider_.drop_idle(*this);
  }
}

Provider::Provider(net::Loop& loop, net::Resolver& resolver, const net::TlsContext& tls,
                   Target target, const Limits& limits)
    : loop_(loop), resolver_(resolver), tls_(tls), target_(std::move(target)), limits_(limits) {
  if (auto address = net::parse_address(target_.dial_host(), target_.dial_port())) {
    addresses_.push_back(*address);
    addresses_at_ms_ = -1;  // never stale
  }
}

Provider::~Provider() {
  *alive_ = false;
}

void Provider::obtain(Call& call, bool fresh) {
  if (!fresh) {
    while (!idle_.empty()) {
      Connection& connection = *idle_.back();
      idle_.pop_back();
      if (connection.readable || connection.hung_up) {
        destroy(connection);
        continue;
      }
      call.attach(connection);
      return;
    }
  }
  if (connections_.size() >= limits_.pool_max) {
    if (idle_.empty()) {
      waiting_.push_back(&call);
      return;
    }
    // A fresh connection was asked for: an idle one makes room.
    Connection& oldest = *idle_.front();
    idle_.erase(idle_.begin());
    destroy(oldest);
  }
  open(call);
}

void Provider::forget(Call& call) {
  std::erase(waiting_, &call);
  std::erase(without_address_, &call);
}

void Provider::open(Call& call) {
  const bool fixed = addresses_at_ms_ < 0;
  const std::int64_t age = loop_.now_ms() - addresses_at_ms_;
  if (!fixed && (addresses_.empty() || age > kLastGoodMs)) {
    without_address_.push_back(&call);
    ask_for_addresses();
    return;
  }
  if (!fixed && age > kFreshMs) ask_for_addresses();  // meanwhile the last good ones serve
  const net::Address& address = addresses_[next_address_ % addresses_.size()];
  if (!allowed(address)) return call.forbidden();
  const int fd =
      ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return call.no_connection();
  net::tune_socket(fd);
  net::Stream stream(fd, target_.tls ? tls_.connect_side(target_.host) : nullptr);
  const int result = ::connect(fd, address.get(), address.size);
  if (result != 0 && errno != EINPROGRESS) {
    ++next_address_;
    return call.no_connection();
  }
  auto connection = std::make_unique<Connection>(*this, std::move(stream));
  if (!loop_.watch(fd, *connection)) return call.no_connection();
  connections_.push_back(std::move(connection));
  call.attach(*connections_.back());
}

bool Provider::allowed(const net::Address& address) const {
  return !target_.public_only || net::is_public(address);
}

void Provider::ask_for_addresses() {
  if (asking_) return;
  asking_ = true;
  resolver_.resolve(loop_, target_.dial_host(), target_.dial_port(),
                    [this, alive = alive_](std::vector<net::Address> addresses) {
                      if (*alive) take_addresses(std::move(addresses));
                    });
}

void Provider::take_addresses(std::vector<net::Address> addresses) {
  asking_ = false;
  if (!addresses.empty()) {
    addresses_ = std::move(addresses);
    addresses_at_ms_ = loop_.now_ms();
    next_address_ = 0;
  } else if (loop_.now_ms() - addresses_at_ms_ > kLastGoodMs) {
    addresses_.clear();
  }
  auto calls = std::exchange(without_address_, {});
  for (Call* call : calls) {
    if (addresses_.empty()) {
      call->no_connection();
    } else {
      open(*call);
    }
  }
}

void Provider::give_back(Connection& connection, bool reusable) {
  connection.call = nullptr;
  if (!reusable || connection.hung_up || !connection.connected) {
    // The address may be at fault: the next attempt tries another one.
    if (!connection.connected) ++next_address_;
    destroy(connection);
  } else if (!waiting_.empty()) {
    Call* call = waiting_.front();
    waiting_.pop_front();
    call->attach(connection);
    return;
  } else {
    connection.idle_since_ms = loop_.now_ms();
    idle_.push_back(&connection);
    if (!idle_timer_.armed()) loop_.timers().arm(idle_timer_, limits_.pool_idle_ms);
  }
  serve_waiting();
}

void Provider::serve_waiting() {
  while (!waiting_.empty() && connections_.size() < limits_.pool_max) {
    Call* call = waiting_.front();
    waiting_.pop_front();
    open(*call);
  }
}

void Provider::drop_idle(Connection& connection) {
  std::erase(idle_, &connection);
  destroy(connection);
}

void Provider::destroy(Connection& connection) {
  connection.stream.close();
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& owned) { return owned.get() == &connection; });
  if (at == connections_.end()) return;
  loop_.retire(std::move(*at));
  *at = std::move(connections_.back());
  connections_.pop_back();
}

void Provider::on_timer(net::Timer&) {
  const std::int64_t now = loop_.now_ms();
  while (!idle_.empty() && now - idle_.front()->idle_since_ms >= limits_.pool_idle_ms) {
    Connection& oldest = *idle_.front();
    idle_.erase(idle_.begin());
    destroy(oldest);
  }
  if (!idle_.empty()) {
    loop_.timers().arm(idle_timer_, limits_.pool_idle_ms - (now - idle_.front()->idle_since_ms));
  }
}

void Provider::close_idle() {
  for (Connection* connection : idle_) destroy(*connection);
  idle_.clear();
}

}  // namespace capsem::upstream
