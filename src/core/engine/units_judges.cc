// What of a phase's texts judge services are asked about.
#include <algorithm>

#include "core/engine/units.h"

namespace capsem::engine {

using event::Phase;
using event::Point;

namespace {

// Of one policy and one unit; the prompt of a request, one text whatever it is made of, has the
// last number.
std::uint64_t question_id(Phase phase, std::size_t policy, std::size_t unit) {
  return static_cast<std::uint64_t>(phase) << 63 | static_cast<std::uint64_t>(policy) << 32 |
         static_cast<std::uint32_t>(unit);
}
constexpr std::size_t kWholePrompt = ~std::uint32_t{0};

}  // namespace

policy::JudgeRound UnitBook::ask_judges(const policy::Hearing& hearing,
                                        policy::JudgeDesk* desk) const {
  policy::JudgeRound round;
  const auto judges = hearing.judges();
  policy::Unit prompt;
  if (phase_ == Phase::Request) prompt = whole_prompt();
  for (std::size_t j = 0; j < judges.size(); ++j) {
    const auto ask = [&](const policy::Unit& unit, std::size_t number) {
      hearing.ask_judge(*judges[j], unit, question_id(phase_, j, number), desk, round);
    };
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].unit.point != Point::Prompt) ask(entries_[i].unit, i);
    }
    if (phase_ == Phase::Request) ask(prompt, kWholePrompt);
  }
  grant_released(round.decisions);
  return round;
}

}  // namespace capsem::engine
