#include "server/redis/shared_pins.h"

#include <charconv>
#include <utility>

namespace capsem::redis {
namespace {

// What nobody has shown anew for so long is forgotten by Redis; gateways keep it.
constexpr std::uint64_t kKeptMs = 90ULL * 24 * 3'600 * 1'000;
constexpr std::string_view kNew = "pin-new", kAccepted = "pin-accepted";

// "<bytes of principal> <bytes of tool> <principal><tool><digest>".
std::string message_of(std::string_view principal, std::string_view tool, std::string_view digest) {
  std::string text = std::to_string(principal.size()) + " " + std::to_string(tool.size()) + " ";
  return text.append(principal).append(tool).append(digest);
}

bool take_size(std::string_view& text, std::size_t& size) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end == text.data() + text.size() || *end != ' ') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  return true;
}

}  // namespace

using policy::PinState;

SharedPins::SharedPins(policy::PinStore& own, Redis& redis) : own_(own), redis_(redis) {
  redis_.listen(
      [this](std::string_view topic, std::string_view message) { heard(topic, message); });
  redis_.on_up([this] {
    tell_untold();
    take_over("0");
  });
}

std::string SharedPins::key_of(std::string_view principal) const {
  return (redis_.prefix() + "p:").append(principal);
}

PinState SharedPins::look(std::string_view principal, std::string_view tool,
                          std::string_view digest) {
  const PinState state = own_.look(principal, tool, digest);
  if (state != PinState::New) return state;
  const std::string key = key_of(principal);
  redis_.run(Words({"HSETNX", key, tool, digest}),
             [this, principal = std::string(principal), tool = std::string(tool),
              digest = std::string(digest)](const Answer& answer) {
               if (!answer.good()) return;
               if (answer.number() == 1)
                 return redis_.tell(kNew, message_of(principal, tool, digest));
               adopt(principal, tool);
             });
  redis_.run(Words({"PEXPIRE", key}).add(kKeptMs));
  return state;
}

void SharedPins::accept(std::string_view principal, std::string_view tool,
                        std::string_view digest) {
  Pin pin{.principal = std::string(principal),
          .tool = std::string(tool),
          .digest = std::string(digest)};
  {
    const std::scoped_lock lock(lock_);  // what is accepted last has the highest number
    own_.accept(principal, tool, digest);
    pin.number = ++accepted_count_;
  }
  tell_accepted(std::move(pin));
}

void SharedPins::tell_accepted(Pin pin) {
  const std::string key = key_of(pin.principal);
  const Words words({"HSET", key, pin.tool, pin.digest});
  redis_.run(words, [this, pin = std::move(pin)](const Answer& answer) {
    if (!answer.good()) return remember_untold(pin);
    forget_untold(pin);
    redis_.tell(kAccepted, message_of(pin.principal, pin.tool, pin.digest));
  });
  redis_.run(Words({"PEXPIRE", key}).add(kKeptMs));
}

void SharedPins::remember_untold(const Pin& pin) {
  const std::scoped_lock lock(lock_);
  const auto at = untold_.find({pin.principal, pin.tool});
  if (at == untold_.end() && untold_.size() >= kUntoldMax) return;
  Untold& last = at == untold_.end() ? untold_[{pin.principal, pin.tool}] : at->second;
  if (last.number < pin.number) last = {.digest = pin.digest, .number = pin.number};
}

void SharedPins::forget_untold(const Pin& pin) {
  const std::scoped_lock lock(lock_);
  const auto at = untold_.find({pin.principal, pin.tool});
  if (at != untold_.end() && at->second.number <= pin.number) untold_.erase(at);
}

// Commands are answered in their order, so what is taken over afterwards has these in it.
void SharedPins::tell_untold() {
  decltype(untold_) untold;
  {
    const std::scoped_lock lock(lock_);
    untold.swap(untold_);
  }
  for (auto& [name, last] : untold) {
    tell_accepted({.principal = name.first,
                   .tool = name.second,
                   .digest = std::move(last.digest),
                   .number = last.number});
  }
}

// Another gateway was first: its form is the one to compare with.
void SharedPins::adopt(const std::string& principal, const std::string& tool) {
  redis_.run(Words({"HGET", key_of(principal), tool}),
             [this, principal, tool](const Answer& answer) {
               if (answer.good() && !answer.none()) own_.accept(principal, tool, answer.text());
             });
}

void SharedPins::heard(std::string_view topic, std::string_view message) {
  if (topic != kNew && topic != kAccepted) return;
  std::size_t principal_size = 0, tool_size = 0;
  if (!take_size(message, principal_size) || !take_size(message, tool_size)) return;
  if (principal_size > message.size() || tool_size > message.size() - principal_size) return;
  const std::string_view principal = message.substr(0, principal_size);
  const std::string_view tool = message.substr(principal_size, tool_size);
  const std::string_view digest = message.substr(principal_size + tool_size);
  if (topic == kAccepted) {
    own_.accept(principal, tool, digest);
  } else if (own_.look(principal, tool, digest) == PinState::Changed) {
    adopt(std::string(principal), std::string(tool));
  }
}

void SharedPins::take_over(std::string cursor) {
  const std::string pattern = redis_.prefix() + "p:*";
  redis_.run(Words({"SCAN", cursor, "MATCH", pattern, "COUNT", "500"}),
             [this](const Answer& answer) {
               if (!answer.good()) return;
               for (std::size_t i = 0; i < answer[1].size(); ++i) {
                 take_over_principal(std::string(answer[1][i].text()));
               }
               const std::string_view next = answer[0].text();
               if (!next.empty() && next != "0") take_over(std::string(next));
             });
}

void SharedPins::take_over_principal(std::string key) {
  std::string principal = key.substr(redis_.prefix().size() + 2);
  redis_.run(Words({"HGETALL", key}), [this, principal](const Answer& answer) {
    if (!answer.good()) return;
    for (std::size_t i = 0; i + 1 < answer.size(); i += 2) {
      const std::string_view tool = answer[i].text(), digest = answer[i + 1].text();
      if (own_.look(principal, tool, digest) == PinState::Changed) {
        own_.accept(principal, tool, digest);
      }
    }
  });
}

}  // namespace capsem::redis
