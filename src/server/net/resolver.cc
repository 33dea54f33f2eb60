#include "server/net/resolver.h"

#include <netdb.h>

#include <cstring>
#include <utility>

namespace capsem::net {
namespace {

std::vector<Address> ask_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<Address> addresses;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return addresses;
  }
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    Address address;
    std::memcpy(&address.raw, entry->ai_addr, entry->ai_addrlen);
    address.size = entry->ai_addrlen;
    addresses.push_back(address);
  }
  freeaddrinfo(found);
  return addresses;
}

}  // namespace

Resolver::Resolver() : Resolver(ask_system) {}
Resolver::Resolver(LookUp look_up)
    : look_up_(std::move(look_up)), thread_([this] { work(); }) {}

Resolver::~Resolver() {
  {
    const std::scoped_lock lock(mutex_);
    ending_ = true;
  }
  asked_.notify_all();
  thread_.join();
}

void Resolver::resolve(Loop& loop, std::string host, std::uint16_t port, Answer answer) {
  {
    const std::scoped_lock lock(mutex_);
    questions_.push_back({&loop, std::move(host), port, std::move(answer)});
  }
  asked_.notify_one();
}

void Resolver::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    asked_.wait(lock, [this] { return ending_ || !questions_.empty(); });
    if (ending_) return;
    Question question = std::move(questions_.front());
    questions_.pop_front();
    lock.unlock();
    auto addresses = look_up_(question.host, question.port);
    question.loop->post(
        [answer = std::move(question.answer), addresses = std::move(addresses)]() mutable {
          answer(std::move(addresses));
        });
    lock.lock();
  }
}

}  // namespace capsem::net
