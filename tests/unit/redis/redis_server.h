// A real redis-server on a free port, in a folder of its own, for as long as the object lives; and
// a loop on a thread, with calls that wait for their answers.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "server/net/loop.h"
#include "server/net/resolver.h"
#include "server/redis/counters.h"

namespace capsem::redis::test {

class SteadyClock final : public Clock {
 public:
  std::int64_t monotonic_ns() const override {
    return std::chrono::steady_clock::now().time_since_epoch().count();
  }
  std::int64_t wall_ms() const override { return 0; }
};

// What has to become true without a signal for it.
template <class F>
bool wait_until(F&& holds, std::chrono::milliseconds at_most = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + at_most;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

class Server {
 public:
  explicit Server(std::vector<std::string> more = {}) : more_(std::move(more)) {
    char name[] = "/tmp/capsem-redis-XXXXXX";
    folder_ = ::mkdtemp(name);
    port_ = free_port();
    start();
  }
  ~Server() {
    kill();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start() {
    std::vector<std::string> words = {
        "redis-server", "--port",    std::to_string(port_), "--bind", "127.0.0.1",
        "--save",       "",          "--appendonly",        "no",     "--dir",
        folder_,        "--logfile", folder_ + "/log"};
    words.insert(words.end(), more_.begin(), more_.end());
    pid_ = ::fork();
    ASSERT_GE(pid_, 0);
    if (pid_ == 0) {
      std::vector<char*> argv;
      for (std::string& word : words) argv.push_back(word.data());
      argv.push_back(nullptr);
      // A test program that crashes leaves neither a server behind nor somebody who holds its
      // output open, for which a test runner would wait.
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int nowhere = ::open("/dev/null", O_RDWR);
      ::dup2(nowhere, 1);
      ::dup2(nowhere, 2);
      for (int other = 3; other < 256; ++other) ::close(other);
      ::execvp(argv[0], argv.data());
      ::_exit(127);
    }
    ASSERT_TRUE(wait_until([this] { return answers(); })) << "redis-server has to be installed";
  }
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGCONT);
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  void pause() { ::kill(pid_, SIGSTOP); }
  void resume() { ::kill(pid_, SIGCONT); }

  // One command on a connection of its own; its answer as text.
  std::string run(const std::vector<std::string>& words) const {
    const std::unique_ptr<redisContext, void (*)(redisContext*)> context(
        ::redisConnect("127.0.0.1", port_), ::redisFree);
    if (context == nullptr || context->err != 0) return "no connection";
    if (!login.empty()) say(*context, {"AUTH", login});
    return say(*context, words);
  }
  std::string login;  // what run() logs in with

  std::uint16_t port() const { return port_; }
  Target target() const {
    Target target;
    target.port = port_;
    return target;
  }

 private:
  static std::string say(redisContext& context, const std::vector<std::string>& words) {
    std::vector<const char*> data;
    std::vector<std::size_t> sizes;
    for (const std::string& word : words) {
      data.push_back(word.data());
      sizes.push_back(word.size());
    }
    const OwnedReply reply(static_cast<redisReply*>(
        ::redisCommandArgv(&context, static_cast<int>(words.size()), data.data(), sizes.data())));
    if (reply == nullptr) return "no answer";
    if (reply->type == REDIS_REPLY_INTEGER) return std::to_string(reply->integer);
    if (reply->type == REDIS_REPLY_ARRAY) return std::to_string(reply->elements) + " elements";
    return reply->str == nullptr ? "" : std::string(reply->str, reply->len);
  }
  bool answers() const {
    const std::string said = run({"PING"});
    return said == "PONG" || said.starts_with("NOAUTH");
  }
  static std::uint16_t free_port() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(fd, reinterpret_cast<sockaddr*>(&address), size);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
    ::close(fd);
    return ntohs(address.sin_port);
  }

  const std::vector<std::string> more_;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = 0;
};

// One loop of one gateway, with its counters.
class Gateway {
 public:
  struct Options {
    ClientOptions client{.call_ms = 5'000, .breaker_errors = 5, .probe_ms = 50};
    CountersOptions counters{};
  };
  Gateway(Target target, std::string name, Options options)
      : target_(std::move(target)), loop_(std::make_unique<net::Loop>(clock_)) {
    options.counters.name = std::move(name);
    counters = std::make_unique<Counters>(*loop_, resolver_, target_, options.client, stats,
                                          std::move(options.counters));
    thread_ = std::thread([this] { loop_->run(); });
  }
  Gateway(Target target, std::string name)
      : Gateway(std::move(target), std::move(name), Options()) {}
  ~Gateway() { die(); }

  // As a crash: nothing is said any more, nothing is given back.
  void die() {
    if (!thread_.joinable()) return;
    loop_->post([this] { loop_->stop(); });
    thread_.join();
    counters.reset();
  }

  template <class F>
  auto on_loop(F&& f) {
    std::packaged_task<decltype(f())()> task(std::forward<F>(f));
    auto result = task.get_future();
    loop_->post([&task] { task(); });
    return result.get();
  }
  bool up() {
    return wait_until([this] { return on_loop([this] { return counters->available(); }); });
  }
  bool down() {
    return wait_until([this] { return on_loop([this] { return !counters->available(); }); });
  }

  using Reply = limit::RemoteCounters::Reply;
  using Ask = std::function<void(limit::RemoteCounters::Done)>;
  Reply wait_for(const Ask& ask) {
    std::promise<Reply> promise;
    auto answer = promise.get_future();
    loop_->post([&] { ask([&promise](const Reply& reply) { promise.set_value(reply); }); });
    if (answer.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
      ADD_FAILURE() << "no answer";
      std::abort();
    }
    return answer.get();
  }
  Reply take(std::uint64_t holding, const std::vector<limit::Charge>& charges) {
    return wait_for([&](auto done) { counters->take(holding, charges, std::move(done)); });
  }
  Reply raise(std::uint64_t holding, const limit::Charge& charge, std::uint64_t so_far) {
    return wait_for(
        [&](auto done) { counters->raise(holding, {&charge, 1}, {&so_far, 1}, std::move(done)); });
  }
  Reply settle(std::uint64_t holding, const limit::Charge& charge, std::uint64_t used) {
    return wait_for(
        [&](auto done) { counters->settle(holding, {&charge, 1}, {&used, 1}, std::move(done)); });
  }
  void give(std::uint64_t holding, const std::vector<limit::Charge>& charges) {
    on_loop([&] { counters->give(holding, charges); });
  }

  Stats stats;
  std::unique_ptr<Counters> counters;

 private:
  SteadyClock clock_;
  net::Resolver resolver_;
  const Target target_;
  std::unique_ptr<net::Loop> loop_;
  std::thread thread_;
};

}  // namespace capsem::redis::test
