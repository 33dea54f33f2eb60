// What Redis runs for limits, each as one atomic step. Time is Redis's own, so that gateways'
// clocks do not matter (a given time is for tests); a counter's own time never goes back (T41).
//
//   <prefix>c:<key>   hash: s what is counted in the window, h what is held, n by how many
//   <prefix>w:<key>   list of "microsecond:amount", oldest first, at most kEntriesMax
//   <prefix>g:<name>  hash of one loop of one gateway: "holding:<counter>" -> amount held
//   <prefix>beats     sorted set: those names, by their last sign of life
//
// Every key expires: counters when their window has passed, counters of which something is held six
// hours after they were touched last. Amounts and maxima are exact up to 2^53.
#pragma once

#include <array>

#include "server/redis/client.h"

namespace capsem::redis {

struct Scripts {
  Client::Script take, raise, settle, give, beat;

  Scripts();
  std::array<Client::Script*, 5> all() { return {&take, &raise, &settle, &give, &beat}; }
};

}  // namespace capsem::redis
