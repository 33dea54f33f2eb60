#include "server/mock/demo_stage.h"

#include <chrono>
#include <utility>

#include "core/base/clock.h"
#include "server/mock/upstream.h"
#include "server/proxy/gateway.h"

namespace capsem::mock {
namespace {

class SystemClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
  }
  std::int64_t wall_ms() const override {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
};

class NoAudit final : public audit::Sink {
 public:
  void write(const audit::Record&, Written written) override {
    if (written) written(true);
  }
};

}  // namespace

struct DemoStage::Impl {
  SystemClock clock;
  NoAudit audit;
  MockUpstream upstream;
  std::unique_ptr<proxy::Gateway> gateway;  // before upstream goes
};

DemoStage::DemoStage() : impl_(std::make_unique<Impl>()) {}
DemoStage::~DemoStage() = default;

Status DemoStage::start(std::span<const policy::SourceFile> files) {
  if (!impl_->upstream.start()) {
    return gateway_error("no_port", "no loopback port for the mock provider");
  }
  auto loaded = policy::load_directory(files);
  if (!loaded) return std::unexpected(loaded.error());
  auto snapshot = policy::Snapshot::freeze(std::move(loaded->documents), loaded->revision);
  if (!snapshot) return std::unexpected(snapshot.error());
  proxy::Settings settings;
  settings.port = settings.admin_port = 0;
  settings.workers = 1;
  settings.base_urls.fill({false, "127.0.0.1", impl_->upstream.port(), ""});
  impl_->gateway =
      std::make_unique<proxy::Gateway>(std::move(settings), *snapshot, impl_->audit, impl_->clock);
  return impl_->gateway->start();
}

std::uint16_t DemoStage::port() const {
  return impl_->gateway->port();
}
std::uint16_t DemoStage::upstream_port() const {
  return impl_->upstream.port();
}

}  // namespace capsem::mock
