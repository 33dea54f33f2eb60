// A timer of a loop that is exact to the millisecond, where the wheel's 100 ms are too coarse. One
// descriptor. Thread: the loop's.
#pragma once

#include <cstdint>

#include "server/net/loop.h"

namespace capsem::redis {

class Alarm final : net::IoHandler {
 public:
  class Handler {
   public:
    virtual void on_alarm() = 0;

   protected:
    ~Handler() = default;
  };

  Alarm(net::Loop& loop, Handler& handler);
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Rings once at `at_ns` (monotonic), or earlier if it is set already. Whoever needs more sets it
  // again when it rings.
  void ring_by(std::int64_t at_ns);

 private:
  void on_io(std::uint32_t events) override;

  net::Loop& loop_;
  Handler& handler_;
  int fd_;
  std::int64_t set_ns_ = 0;  // 0: not set
};

}  // namespace capsem::redis
