// One connection to a provider: in a pool, or working for one call at a time.
#pragma once

#include <cstdint>

#include "server/net/loop.h"
#include "server/net/stream.h"

namespace capsem::upstream {

class Call;
class Provider;

class Connection final : public net::IoHandler, public net::Retirable {
 public:
  Connection(Provider& provider, net::Stream socket)
      : stream(std::move(socket)), provider_(provider) {}

  net::Stream stream;
  Call* call = nullptr;    // nullptr: idle in the pool
  bool connected = false;  // TCP and TLS are up
  bool readable = false;   // there may be bytes to read
  bool writable = false;
  bool hung_up = false;
  bool used = false;  // has served a call before
  std::int64_t idle_since_ms = 0;

 private:
  void on_io(std::uint32_t events) override;

  Provider& provider_;
};

}  // namespace capsem::upstream
