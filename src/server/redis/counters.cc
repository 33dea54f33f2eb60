#include "server/redis/counters.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace capsem::redis {
namespace {

using limit::Charge;
using limit::Kind;
using limit::Level;
using limit::Outcome;

constexpr std::uint64_t kMost = (std::uint64_t{1} << 53) - 1;  // Redis counts in doubles
constexpr std::int64_t kUs = 1'000;

std::uint64_t bounded(std::uint64_t amount) {
  return std::min(amount, kMost);
}

std::uint64_t number_of(const Answer& reply) {
  std::uint64_t number = 0;
  const std::string_view text = reply.text();
  std::from_chars(text.data(), text.data() + text.size(), number);
  return text.empty() ? static_cast<std::uint64_t>(std::max<std::int64_t>(reply.number(), 0))
                      : number;
}

std::int64_t ns_of(const Answer& reply) {
  return static_cast<std::int64_t>(bounded(number_of(reply) * kUs));
}

// The levels of a script's answer, `maxima` beside them.
std::vector<Level> levels_of(const Answer& reply, std::span<const std::uint64_t> maxima) {
  constexpr std::size_t kHead = 2, kEach = 4;
  std::vector<Level> levels(maxima.size());
  for (std::size_t i = 0; i < levels.size(); ++i) {
    const std::size_t at = kHead + i * kEach;
    levels[i].used = number_of(reply[at]);
    levels[i].remaining = maxima[i] - std::min(maxima[i], levels[i].used);
    levels[i].reset_ns = ns_of(reply[at + 1]);
    levels[i].refused = reply[at + 2].number() != 0;
    levels[i].retry_after_ns = ns_of(reply[at + 3]);
  }
  return levels;
}

std::vector<std::uint64_t> maxima_of(std::span<const Charge> charges) {
  std::vector<std::uint64_t> maxima;
  maxima.reserve(charges.size());
  for (const Charge& charge : charges) maxima.push_back(charge.max);
  return maxima;
}

}  // namespace

Counters::Counters(net::Loop& loop, net::Resolver& resolver, const Target& target,
                   const ClientOptions& client, Stats& stats, CountersOptions options)
    : loop_(loop),
      options_(std::move(options)),
      client_(loop, resolver, target, client, stats,
              {.greet = [this](Client& connected) { greet(connected); },
               .changed =
                   [this](bool up) {
                     if (up) pay_owed();
                   },
               .message = {}}) {
  loop_.timers().arm(beat_timer_, options_.beat_ms);
}

// ---- The connection ----

// A connection that may not write is of no use: the beat finds out.
void Counters::greet(Client& client) {
  for (Client::Script* script : scripts_.all()) {
    client.call(Words({"SCRIPT", "LOAD", script->text}), [script](const Answer& reply) {
      if (reply.good()) script->sha = reply.text();
    });
  }
  beat();
}

void Counters::on_timer(net::Timer& timer) {
  loop_.timers().arm(timer, options_.beat_ms);
  if (!client_.up()) return;
  beat();
  pay_owed();
}

void Counters::beat() {
  Words words;
  words.add(std::uint64_t{2});
  words.add(options_.prefix, "beats").add(options_.prefix + "g:", options_.name);
  words.add(given_time_us()).add(options_.name);
  words.add(std::uint64_t{options_.dead_ms} * 1'000).add(options_.prefix, "g:");
  client_.eval(scripts_.beat, std::move(words), [this](const Answer& reply) {
    if (reply.good()) learn_time(reply);
  });
}

void Counters::learn_time(const Answer& reply) {
  const auto theirs = static_cast<std::int64_t>(number_of(reply[1]));
  if (theirs != 0) ahead_us_ = theirs - loop_.clock().monotonic_ns() / kUs;
}

std::uint64_t Counters::server_time_us() const {
  return static_cast<std::uint64_t>(loop_.clock().monotonic_ns() / kUs + ahead_us_);
}

std::uint64_t Counters::given_time_us() const {
  return options_.clock == nullptr
             ? 0
             : static_cast<std::uint64_t>(options_.clock->monotonic_ns() / kUs);
}

void Counters::pay_owed() {
  for (auto owed = std::exchange(owed_, {}); !owed.empty(); owed.pop_front()) {
    Words again = owed.front().arguments;
    const Client::Script* script = owed.front().script;
    client_.eval(
        *script, std::move(again),
        [this, script, arguments = std::move(owed.front().arguments)](const Answer& reply) {
          if (!reply.good()) owe(*script, arguments);
        });
  }
}

void Counters::owe(const Client::Script& script, Words arguments) {
  if (owed_.size() >= options_.owed_max) owed_.pop_front();
  owed_.push_back({&script, std::move(arguments)});
}

// ---- Calls ----

// The number of keys, and the keys: this loop's hash, then counter and list of each charge.
Words Counters::keys(std::span<const Charge> charges, std::uint64_t& count) const {
  Words words;
  constexpr std::size_t kUsualBytes = 256;
  words.reserve(charges.size() * kUsualBytes + kUsualBytes);
  count = 1 + 2 * charges.size();
  words.add(count).add(options_.prefix + "g:", options_.name);
  const std::string counter = options_.prefix + "c:", list = options_.prefix + "w:";
  for (const Charge& charge : charges) {
    words.add(counter, charge.key);
    words.add(list, charge.key);
  }
  return words;
}

void Counters::take(std::uint64_t holding, std::span<const Charge> charges, Done done) {
  std::uint64_t count = 0;
  Words words = keys(charges, count);
  words.add(given_time_us());
  words.add(server_time_us() + std::uint64_t{options_.take_ms} * 1'000).add(holding);
  bool holds = false;
  for (const Charge& charge : charges) {
    holds |= charge.kind != Kind::Window;
    words.add(static_cast<std::uint64_t>(charge.kind)).add(bounded(charge.amount));
    words.add(bounded(charge.max)).add(static_cast<std::uint64_t>(charge.window_ns / kUs));
  }
  Words back;
  if (holds) {
    back.add(1 + charges.size()).add(options_.prefix + "g:", options_.name);
    for (const Charge& charge : charges) back.add(options_.prefix + "c:", charge.key);
    back.add(holding);
  }
  client_.eval(scripts_.take, std::move(words),
               [this, maxima = maxima_of(charges), back = std::move(back),
                done = std::move(done)](const Answer& reply) {
                 const std::int64_t outcome = reply.good() ? reply[0].number() : 3;
                 if (reply.good()) learn_time(reply);
                 if (outcome == 0 || outcome == 1) {
                   return done({.outcome = outcome == 0 ? Outcome::Taken : Outcome::Refused,
                                .levels = levels_of(reply, maxima)});
                 }
                 // Nobody knows whether it was done.
                 if (!reply.came() && back.count() > 0) {
                   client_.eval(scripts_.give, back, [this, back](const Answer& given) {
                     if (!given.good()) owe(scripts_.give, back);
                   });
                 }
                 done({});
               });
}

Words Counters::arguments(std::uint64_t holding, std::span<const Charge> charges,
                          std::span<const std::uint64_t> amounts) const {
  std::uint64_t count = 0;
  Words words = keys(charges, count);
  words.add(given_time_us()).add(holding);
  for (std::size_t i = 0; i < charges.size(); ++i) {
    words.add(bounded(amounts[i])).add(bounded(charges[i].max));
    words.add(static_cast<std::uint64_t>(charges[i].window_ns / kUs));
  }
  return words;
}

void Counters::raise(std::uint64_t holding, std::span<const Charge> charges,
                     std::span<const std::uint64_t> so_far, Done done) {
  client_.eval(scripts_.raise, arguments(holding, charges, so_far),
               [maxima = maxima_of(charges), done = std::move(done)](const Answer& reply) {
                 if (!reply.good()) return done({});
                 done({.outcome = Outcome::Taken, .levels = levels_of(reply, maxima)});
               });
}

void Counters::settle(std::uint64_t holding, std::span<const Charge> charges,
                      std::span<const std::uint64_t> used, Done done) {
  Words words = arguments(holding, charges, used);
  client_.eval(scripts_.settle, words,
               [this, words, maxima = maxima_of(charges),
                done = std::move(done)](const Answer& reply) mutable {
                 if (reply.good()) {
                   return done({.outcome = Outcome::Taken, .levels = levels_of(reply, maxima)});
                 }
                 owe(scripts_.settle, std::move(words));
                 done({});
               });
}

void Counters::give(std::uint64_t holding, std::span<const Charge> charges) {
  Words words;
  words.add(1 + charges.size()).add(options_.prefix + "g:", options_.name);
  for (const Charge& charge : charges) words.add(options_.prefix + "c:", charge.key);
  words.add(holding);
  client_.eval(scripts_.give, words, [this, words](const Answer& reply) mutable {
    if (!reply.good()) owe(scripts_.give, std::move(words));
  });
}

}  // namespace capsem::redis
