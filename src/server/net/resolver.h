// Names to addresses without holding up a loop: one thread that calls getaddrinfo for all of them.
//
// Thread-safe. Outlives the loops that ask.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/net/address.h"
#include "server/net/loop.h"

namespace capsem::net {

class Resolver {
 public:
  // Empty: the name has no address, or the resolver could not be reached.
  using Answer = std::function<void(std::vector<Address>)>;

  // What the thread asks. Blocks; called by one thread at a time.
  using LookUp = std::function<std::vector<Address>(const std::string& host, std::uint16_t port)>;

  Resolver();                         // asks the system
  explicit Resolver(LookUp look_up);  // of tests: names that move
  ~Resolver();  // waits for the look-up in progress

  // `answer` is called on `loop`, unless the loop ends first.
  void resolve(Loop& loop, std::string host, std::uint16_t port, Answer answer);

 private:
  struct Question {
    Loop* loop;
    std::string host;
    std::uint16_t port;
    Answer answer;
  };

  void work();

  const LookUp look_up_;
  std::mutex mutex_;  // guards the two below
  std::deque<Question> questions_;
  bool ending_ = false;
  std::condition_variable asked_;
  std::thread thread_;
};

}  // namespace capsem::net
