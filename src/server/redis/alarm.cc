#include "server/redis/alarm.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>

namespace capsem::redis {

Alarm::Alarm(net::Loop& loop, Handler& handler)
    : loop_(loop),
      handler_(handler),
      fd_(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
  if (fd_ >= 0) loop_.watch(fd_, *this);
}

Alarm::~Alarm() {
  if (fd_ >= 0) ::close(fd_);
}

void Alarm::ring_by(std::int64_t at_ns) {
  if (fd_ < 0 || (set_ns_ != 0 && set_ns_ <= at_ns)) return;
  constexpr std::int64_t kSecond = 1'000'000'000;
  const std::int64_t delay_ns =
      std::max<std::int64_t>(at_ns - loop_.clock().monotonic_ns(), 1);  // 0 would unset it
  itimerspec spec{};
  spec.it_value.tv_sec = delay_ns / kSecond;
  spec.it_value.tv_nsec = delay_ns % kSecond;
  if (::timerfd_settime(fd_, 0, &spec, nullptr) == 0) set_ns_ = at_ns;
}

void Alarm::on_io(std::uint32_t /*events*/) {
  std::uint64_t times = 0;
  if (::read(fd_, &times, sizeof times) != sizeof times) return;
  set_ns_ = 0;
  handler_.on_alarm();
}

}  // namespace capsem::redis
