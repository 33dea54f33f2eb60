#include "server/redis/redis.h"

#include <utility>

#include "server/redis/counters.h"

namespace capsem::redis {

Redis::Redis(Target target, RedisOptions options, const Clock& clock)
    : target_(std::move(target)),
      options_(std::move(options)),
      clock_(clock),
      loop_(std::make_unique<net::Loop>(clock)) {}

Redis::~Redis() {
  stop();
}

std::unique_ptr<limit::RemoteCounters> Redis::counters_for(net::Loop& loop) {
  CountersOptions options;
  options.prefix = options_.prefix;
  options.name = options_.name + "." + std::to_string(loops_.fetch_add(1));
  return std::make_unique<Counters>(loop, resolver_, target_, options_.client, stats_,
                                    std::move(options));
}

void Redis::start() {
  client_ = std::make_unique<Client>(*loop_, resolver_, target_, options_.client, stats_,
                                     Client::Hooks{.greet = {},
                                                   .changed =
                                                       [this](bool up) {
                                                         if (!up) return;
                                                         for (const auto& told : up_) told();
                                                       },
                                                   .message = {}});
  subscriber_ = std::make_unique<Client>(
      *loop_, resolver_, target_, options_.client, stats_,
      Client::Hooks{.greet =
                        [this](Client& client) {
                          client.call(Words({"SUBSCRIBE"}).add(options_.prefix, "tell"), {});
                        },
                    .changed = {},
                    .message = [this](const Answer& answer) { heard(answer); }});
  thread_ = std::thread([this] { loop_->run(); });
}

void Redis::stop() {
  const std::scoped_lock lock(stop_lock_);
  if (!thread_.joinable()) return;
  loop_->post([this] { loop_->stop(); });
  thread_.join();
  subscriber_.reset();
  client_.reset();
}

void Redis::run(Words command, Client::OnAnswer done) {
  loop_->post([this, command = std::move(command), done = std::move(done)]() mutable {
    client_->call(command, std::move(done));
  });
}

// "<gateway> <topic> <message>": who said it does not hear it.
void Redis::tell(std::string_view topic, std::string_view message) {
  std::string text = options_.name;
  text.append(" ").append(topic).append(" ").append(message);
  run(Words({"PUBLISH"}).add(options_.prefix, "tell").add(text));
}

void Redis::heard(const Answer& answer) {
  if (answer[0].text() != "message") return;
  std::string_view text = answer[2].text();
  const std::size_t name_end = text.find(' ');
  if (name_end == std::string_view::npos || text.substr(0, name_end) == options_.name) return;
  text.remove_prefix(name_end + 1);
  const std::size_t topic_end = text.find(' ');
  if (topic_end == std::string_view::npos) return;
  for (const Listener& listener : listeners_) {
    listener(text.substr(0, topic_end), text.substr(topic_end + 1));
  }
}

}  // namespace capsem::redis
