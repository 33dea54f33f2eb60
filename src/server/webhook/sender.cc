#include "server/webhook/sender.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "server/webhook/signature.h"

namespace capsem::webhook {
namespace {

constexpr std::size_t kThreads = 2;
constexpr std::int64_t kLeaseMarginMs = 10'000;
constexpr std::int64_t kTidyEachNs = 600'000'000'000;

}  // namespace

Result<std::unique_ptr<Sender>> Sender::make(SenderOptions options, sql::Executor& executor,
                                             const Clock& clock) {
  auto poster = Poster::make(options.post);
  if (!poster) return std::unexpected(poster.error());
  return std::unique_ptr<Sender>(
      new Sender(std::move(options), std::move(*poster), executor, clock));
}

Sender::Sender(SenderOptions options, Poster poster, sql::Executor& executor, const Clock& clock)
    : options_(std::move(options)),
      poster_(std::move(poster)),
      executor_(executor),
      clock_(clock),
      tidied_ns_(clock.monotonic_ns()) {}

Sender::~Sender() {
  stop();
}

void Sender::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Sender::start() {
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { loop(); });
}

void Sender::poke() {
  {
    const std::lock_guard lock(mutex_);
    ++pokes_;
  }
  wake_.notify_all();
}

// Waits for the executor; false when there is no database or it failed.
bool Sender::on_database(const std::function<Status(sql::Connection&)>& work) {
  // Shared: a task outlives the wait of nobody, but its promise may outlive the get().
  const auto done = std::make_shared<std::promise<bool>>();
  auto result = done->get_future();
  const bool queued = executor_.submit([&work, done](Result<sql::Connection*> connection) {
    done->set_value(connection && work(**connection).has_value());
  });
  return queued && result.get();
}

std::optional<store::Delivery> Sender::next() {
  std::optional<store::Delivery> delivery;
  on_database([&](sql::Connection& connection) -> Status {
    const std::int64_t now_ms = clock_.wall_ms();
    const bool urls = !options_.rules.urls().empty();
    if (!telling_) {
      if (auto ok = store::begin_telling_violations(connection, urls, now_ms); !ok) return ok;
      telling_ = true;
    }
    if (urls) {
      const auto told = store::tell_violations(connection, options_.rules.urls(), now_ms);
      if (!told) return std::unexpected(told.error());
    }
    tidy(connection);
    auto claimed = store::claim_delivery(
        connection, now_ms, options_.post.timeout_ms + kLeaseMarginMs, options_.attempts_max);
    if (!claimed) return std::unexpected(claimed.error());
    delivery = std::move(*claimed);
    return {};
  });
  return delivery;
}

void Sender::tidy(sql::Connection& connection) {
  const std::int64_t now_ns = clock_.monotonic_ns();
  if (now_ns - tidied_ns_ < kTidyEachNs) return;
  tidied_ns_ = now_ns;
  // What stays is removed the next time.
  static_cast<void>(store::tidy_outbox(connection, clock_.wall_ms(), options_.attempts_max));
}

Result<int> Sender::post(const store::Delivery& delivery) const {
  const auto url = store::parse_webhook_url(delivery.url);
  if (!url) return std::unexpected(url.error());
  // Once more: what a gateway with another configuration queued may lead where this one must not.
  if (!options_.rules.callback_allowed(delivery.url)) {
    return gateway_error("webhook_host", "the configuration does not name the host");
  }
  return poster_.post(*url,
                      {{"x-capsem-event", delivery.event},
                       {"x-capsem-delivery", delivery.id},
                       {"x-capsem-signature",
                        signature_field(options_.secret, clock_.wall_ms() / 1'000, delivery.body)}},
                      delivery.body, stopping_);
}

void Sender::attempt(const store::Delivery& delivery) {
  const Result<int> status = post(delivery);
  if (!status && stopping_) return;  // the lease ends, and another one tries
  on_database([&](sql::Connection& connection) {
    const std::int64_t now_ms = clock_.wall_ms();
    if (status && *status / 100 == 2) return store::delivered(connection, delivery.id, now_ms);
    const std::string error = status ? "status " + std::to_string(*status)
                                     : status.error().code + ": " + status.error().detail;
    return store::delivery_failed(connection, delivery, error, now_ms);
  });
}

bool Sender::run_once() {
  const auto delivery = next();
  if (!delivery) return false;
  attempt(*delivery);
  return true;
}

void Sender::loop() {
  std::uint64_t seen = 0;
  while (!stopping_) {
    {
      const std::lock_guard lock(mutex_);
      seen = pokes_;
    }
    if (run_once()) continue;
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, std::chrono::milliseconds(options_.poll_ms),
                   [&] { return stopping_ || pokes_ != seen; });
  }
}

}  // namespace capsem::webhook
