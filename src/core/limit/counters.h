// The counter-store seam: the numbers that limits are made of, shared by all exchanges. In memory
// in one process (memory_store.h); elsewhere when several gateways share the work (T40).
//
// A request puts all of its charges into one call, and gets all of them or none. What a call
// carries and answers is plain data without pointers into the store, so that a remote store needs
// one round trip per call (one script over several keys). Such a store has to forget what a gateway
// that died still held; it can keep held amounts per gateway, beside a sign of life.
//
// Three kinds of counters:
//   Window      what was taken in the last `window_ns`; sliding, not in steps: an amount taken at t
//               counts at t + window_ns - 1 and no longer at t + window_ns (R62).
//   Concurrent  what is held now; every take is given back.
//   Reserved    a window of amounts that are known only afterwards (tokens, money). take() reserves
//               an estimate, settle() replaces it by what was used (R63).
//
// Admission. Window: used + amount <= max. Concurrent: held + amount <= max. Reserved:
// settled + reserved + amount <= max; or nothing is reserved and settled < max, so that a lone
// caller whose estimate is large is not refused while there is budget left. Overshoot of a Reserved
// window, therefore: none while no call uses more than it reserved, but for one call that ran
// alone, by at most what that call uses. A call that may use more than its estimate raises its
// reservation as it goes (raise()); one that cannot be watched (not streamed) overshoots by what it
// used beyond its estimate. A window that is past its max admits nothing.
//
// Precision. With max <= kEntriesMax amounts leave the window at the exact nanosecond. With a
// larger max, amounts of the same window_ns / (kEntriesMax - 1) are merged and leave together when
// the newest of them does: never early, at most that much late (59 ms of a minute, 3.6 s of an
// hour). A counter needs at most kEntriesMax entries of 16 bytes; more of them (calls that used
// more than a small max between them) are merged into the newest.
//
// Time is monotonic and handed in (T41). Clocks of several threads may disagree a little: a
// counter's own time never goes back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>

namespace capsem::limit {

inline constexpr std::size_t kEntriesMax = 1'024;  // per counter
inline constexpr std::size_t kChargesMax = 256;    // per call; a take of more is Outcome::Full

enum class Kind : std::uint8_t { Window, Concurrent, Reserved };

// What becomes of a charge while the store that gateways share is down (promise 15): it is refused,
// counted by this gateway alone with its share of the max, or admitted.
enum class OnStoreDown : std::uint8_t { Closed, Local, Open };

struct Charge {
  // What is counted. The same key means the same kind and window in all calls.
  std::string_view key;
  Kind kind = Kind::Window;
  std::uint64_t amount = 0;  // Reserved: the estimate
  std::uint64_t max = 0;
  std::int64_t window_ns = 0;  // > 0; 0 for Concurrent
  OnStoreDown down = OnStoreDown::Closed;
};

// How a counter stands after a call.
struct Level {
  std::uint64_t used = 0;       // taken, held, or settled and reserved
  std::uint64_t remaining = 0;  // max - used, or 0
  // Until the oldest amount leaves the window; the whole window where amounts are only reserved; 0
  // when nothing is used, and for Concurrent.
  std::int64_t reset_ns = 0;
  bool refused = false;  // take(): did not fit. raise(), settle(): used up, used past max.
  // When refused. take(): until the charge would fit if nothing else happened; what depends on
  // others who hold something has no such time: kRetryUnknownNs. settle(): until there is budget
  // again.
  std::int64_t retry_after_ns = 0;
};
inline constexpr std::int64_t kRetryUnknownNs = 1'000'000'000;

enum class Outcome : std::uint8_t {
  Taken,
  Refused,  // by at least one charge; nothing was taken
  Full,     // the store cannot count any more keys; nothing was taken (fail closed)
  Down,  // a shared store cannot be asked, and a charge may not be counted elsewhere; nothing was
         // taken (fail closed)
  Waiting,  // a shared store has been asked (deferred.h): the same call, made again, has the answer
};

// Calls may come from any thread and answer at once (but see deferred.h). take() is one atomic step
// over all of its charges; the others are atomic charge by charge. REQUIRES of all: levels.size()
// == charges.size(); no two charges of one call have the same key.
class CounterStore {
 public:
  virtual ~CounterStore() = default;

  // Takes every charge or none. The levels say for each one how it stands, and whether it refused.
  virtual Outcome take(std::span<const Charge> charges, std::int64_t now_ns,
                       std::span<Level> levels) = 0;

  // Reserved only, taken and not settled; other kinds are skipped. `so_far[i]` has been used of
  // charges[i] up to now. Raises a reservation to that where it was less. Refused: what was used
  // does not fit any more, and the reservation is as it was. The caller keeps charges[i].amount up
  // to date: the greater of the two, unless refused.
  virtual void raise(std::span<const Charge> charges, std::span<const std::uint64_t> so_far,
                     std::int64_t now_ns, std::span<Level> levels) = 0;

  // Reserved only; other kinds are skipped. Replaces each reservation by what was used. Refused:
  // something was used, and more than max is settled now (R63).
  virtual void settle(std::span<const Charge> charges, std::span<const std::uint64_t> used,
                      std::int64_t now_ns, std::span<Level> levels) = 0;

  // Concurrent: gives back. Reserved and not settled: drops the reservation, nothing was used.
  // Window: skipped, a request that was counted stays counted.
  virtual void give(std::span<const Charge> charges, std::int64_t now_ns) noexcept = 0;

  // True: the last settle() was only sent; the same call, made again when its answer has come,
  // tells the levels. Stores in this process always know (deferred.h does not).
  virtual bool settles_later() const { return false; }
};

// Sums of amounts stop at the largest number instead of starting over.
constexpr std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  const std::uint64_t sum = a + b;
  return sum < a ? std::numeric_limits<std::uint64_t>::max() : sum;
}

}  // namespace capsem::limit
