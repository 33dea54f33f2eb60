// Delivers what waits in the outbox (store/outbox.h), and queues what violations there are to tell.
//
// A delivery is a POST with
//   X-Capsem-Event      review.created, review.decided, violation.created
//   X-Capsem-Delivery   the same id for every attempt: receivers know repeats by it
//   X-Capsem-Signature  see signature.h
// and has arrived when the answer's status is 2xx. Everything else is tried again, with growing
// pauses, attempts_max times in all.
//
// Thread: two of its own, so that one receiver that does not answer holds up no others; the
// database is touched on the executor's. Ends within timeout_ms, usually at once.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/base/clock.h"
#include "core/base/secret.h"
#include "server/sql/executor.h"
#include "server/store/outbox.h"
#include "server/store/webhook_rules.h"
#include "server/webhook/post.h"

namespace capsem::webhook {

struct SenderOptions {
  store::WebhookRules rules{};
  Secret secret{};
  PostOptions post{};
  std::uint32_t attempts_max = 8;
  std::uint32_t poll_ms = 250;  // how soon what another thread or gateway queued is seen
};

class Sender {
 public:
  // The executor and the clock outlive the sender; the executor's database has its schema.
  static Result<std::unique_ptr<Sender>> make(SenderOptions options, sql::Executor& executor,
                                              const Clock& clock);
  ~Sender();  // stop()

  void start();  // the threads
  void poke();   // something was queued. Any thread
  void stop();   // ends the threads; poke() then does nothing

  // One round, on the calling thread, for tests and for the threads: queues violations, claims one
  // delivery that is due and attempts it. False: there was none.
  bool run_once();

 private:
  Sender(SenderOptions options, Poster poster, sql::Executor& executor, const Clock& clock);

  bool on_database(const std::function<Status(sql::Connection&)>& work);
  std::optional<store::Delivery> next();
  void attempt(const store::Delivery& delivery);
  Result<int> post(const store::Delivery& delivery) const;
  void tidy(sql::Connection& connection);
  void loop();

  // Constant after construction.
  const SenderOptions options_;
  const Poster poster_;
  sql::Executor& executor_;
  const Clock& clock_;

  // Of the executor's thread.
  bool telling_ = false;
  std::int64_t tidied_ns_ = 0;

  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::uint64_t pokes_ = 0;  // under mutex_
  std::vector<std::thread> threads_;
};

}  // namespace capsem::webhook
