// Limits that several gateways share, without a loop ever waiting for them (T40, promise 15).
//
// A shared store answers later. An exchange, however, asks its limits in the middle of a call. So
// it has a DeferredStore of its own: a take() or settle() that has to be asked elsewhere returns
// Outcome::Waiting (settles_later()), the engine stops there and returns Step::Wait, `ready` is
// called when every answer has come, and the same call of the engine, made again, finds it.
//
//   take     waits: one round trip before the provider is called
//   settle   waits at the end of an answer, so that the answer that crosses a budget can be
//   withheld
//            (R63). Of an exchange that is refused or cut already nobody asks again, and none
//            waits.
//   raise    is sent and not waited for; a refusal is seen by the next one, or by settle(). A
//   stream
//            overshoots a used-up budget, therefore, by at most what its model says in two round
//            trips, or until redis_call_ms has passed. While one is on its way the next is not
//            sent.
//   give     is sent and not waited for
//
// When the shared store is down (available() says so, or a call failed), each charge goes by its
// own `down`: Closed refuses (Outcome::Down), Local counts here with this gateway's share, Open
// admits. What was taken in one way is given back in the same way, whatever happens in between.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/limit/counters.h"

namespace capsem::limit {

// The shared store as one event loop sees it. Belongs to that loop.
//
// Amounts that are held are kept there under a holding's number, so that each call has its effect
// once, however often it has to be sent: what is unknown cannot be given or settled again.
class RemoteCounters {
 public:
  struct Reply {
    Outcome outcome = Outcome::Down;  // Taken, Refused, Full; Down: nobody knows, or it failed
    std::vector<Level> levels{};      // one each per charge, unless Down or Full
  };
  // Called once, on the loop, never from within the call that it was handed to, and not when the
  // RemoteCounters is gone.
  using Done = std::function<void(const Reply&)>;

  virtual ~RemoteCounters() = default;

  // False: calls would fail. take() need not be tried.
  virtual bool available() const = 0;

  // Views are valid during the call. As CounterStore's calls, of the holding `holding`.
  // A take whose reply is Down holds nothing in the end, even if it was done.
  virtual void take(std::uint64_t holding, std::span<const Charge> charges, Done done) = 0;
  virtual void raise(std::uint64_t holding, std::span<const Charge> charges,
                     std::span<const std::uint64_t> so_far, Done done) = 0;
  virtual void settle(std::uint64_t holding, std::span<const Charge> charges,
                      std::span<const std::uint64_t> used, Done done) = 0;
  virtual void give(std::uint64_t holding, std::span<const Charge> charges) = 0;

  // A number that no other holding of this loop has.
  virtual std::uint64_t next_holding() = 0;
};

// The counters of one exchange, on its loop. Destroyed with something still asked, it gives back
// what is answered later. It outlives the exchange.
class DeferredStore final : public CounterStore {
 public:
  // `remote` and `local` outlive the store. `replicas`: how many gateways share the limits; the
  // share of one is max / replicas, but at least 1 of a max that is not 0. `ready`: see above; it
  // is called on the loop, also when nobody waits any more (then it is to be ignored).
  DeferredStore(RemoteCounters& remote, CounterStore& local, std::uint32_t replicas,
                std::function<void()> ready);
  ~DeferredStore() override;
  DeferredStore(const DeferredStore&) = delete;
  DeferredStore& operator=(const DeferredStore&) = delete;

  Outcome take(std::span<const Charge> charges, std::int64_t now_ns,
               std::span<Level> levels) override;
  void raise(std::span<const Charge> charges, std::span<const std::uint64_t> so_far,
             std::int64_t now_ns, std::span<Level> levels) override;
  void settle(std::span<const Charge> charges, std::span<const std::uint64_t> used,
              std::int64_t now_ns, std::span<Level> levels) override;
  void give(std::span<const Charge> charges, std::int64_t now_ns) noexcept override;
  bool settles_later() const override;

 private:
  Outcome take_here(std::span<const Charge> charges, std::int64_t now_ns, std::span<Level> levels);

  struct Held;
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace capsem::limit
