// One connection to Redis on one event loop: commands are sent as they come, without waiting for
// the answers of earlier ones, and are answered in order. It connects by itself, and again when the
// connection breaks. One that is not used is tried each `probe_ms`.
//
// A call without an answer after `call_ms` has failed; what comes for it later is thrown away.
// After `breaker_errors` failures in a row Redis is left alone (promise 15): the connection is
// closed, every call fails at once, and each `probe_ms` it is tried again. Errors that Redis
// answers with count as failures; READONLY (a replica that was a primary) closes the connection at
// once, since the name may lead elsewhere now.
//
// Thread: the loop's, but for construction and destruction while the loop does not run.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/net/timer_wheel.h"
#include "server/redis/alarm.h"
#include "server/redis/answer.h"
#include "server/redis/command.h"
#include "server/redis/url.h"

struct redisReader;

namespace capsem::redis {

// Counted by all clients of the gateway. For metrics.
struct Stats {
  std::atomic<std::uint64_t> calls{0}, failures{0}, timeouts{0}, connects{0}, breaks{0};
  std::atomic<std::uint32_t> clients{0}, clients_up{0};
};

struct ClientOptions {
  std::uint32_t call_ms = 50;
  std::uint32_t breaker_errors = 5;
  std::uint32_t probe_ms = 1'000;
};

class Client final : net::IoHandler, net::TimerHandler, Alarm::Handler {
 public:
  using OnAnswer = std::function<void(const Answer&)>;

  // What a client does when it has connected, and what concerns it besides. All optional.
  struct Hooks {
    // Sends what a connection begins with (call() is legal in it). Every answer must be good, or
    // the connection counts as failed.
    std::function<void(Client&)> greet{};
    std::function<void(bool up)> changed{};
    std::function<void(const Answer&)> message{};  // of a subscription
  };

  // All references outlive the client.
  Client(net::Loop& loop, net::Resolver& resolver, const Target& target,
         const ClientOptions& options, Stats& stats, Hooks hooks);
  ~Client();  // answers nothing any more
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connected, greeted, and answering.
  bool up() const { return state_ == State::Up; }

  // `done` is called once, on the loop, never from within call(), unless the client goes first.
  void call(const Words& command, OnAnswer done);
  // EVALSHA of a script; where Redis does not know it (any more), EVAL. `arguments`: the number of
  // keys, the keys, the rest. The script's address must stay the same.
  struct Script {
    std::string text, sha;
  };
  void eval(const Script& script, Words arguments, OnAnswer done);

  net::Loop& loop() { return loop_; }

 private:
  enum class State : std::uint8_t { Idle, Resolving, Connecting, Greeting, Up };
  struct Pending {
    OnAnswer done;
    std::int64_t until_ns = 0;
    bool failed = false, greeting = false;
    const Script* script = nullptr;  // an EVALSHA; `arguments` are kept for an EVAL
    Words arguments{};
  };

  void on_io(std::uint32_t events) override;
  void on_timer(net::Timer& timer) override;
  void on_alarm() override;

  void resolve();
  void connect(std::vector<net::Address> addresses);
  void connected();
  void greeted();
  void close(bool count);
  void send(const Words& head, const Words& words, Pending pending);
  void fail_later(OnAnswer done);
  void write_out();
  bool read_in();
  bool take_replies();
  void settle(OwnedReply reply);
  void failed();

  net::Loop& loop_;
  net::Resolver& resolver_;
  const Target& target_;
  const ClientOptions options_;
  Stats& stats_;
  const Hooks hooks_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  State state_ = State::Idle;
  int fd_ = -1;
  struct ReaderFree {
    void operator()(redisReader* reader) const;
  };
  std::unique_ptr<redisReader, ReaderFree> reader_;
  std::string out_;
  std::size_t written_ = 0;
  std::deque<Pending> pending_;
  bool greeting_ = false;  // calls of the greet hook
  std::size_t greetings_ = 0;
  std::uint32_t errors_ = 0;  // in a row
  std::int64_t greeted_by_ns_ = 0;
  net::Timer probe_timer_{*this};
  Alarm alarm_;
};

}  // namespace capsem::redis
