// The questions of one exchange to judge services (core/policy/judge_desk.h): each one POST
//
//   {"policy": "toxicity", "point": "prompt", "text": "..."}  ->  {"score": 0.93, "label": "..."}
//
// on the loop's own connections to that service, with the policy's deadline over all of it.
// Anything but a 2xx with a score from 0 to 1 is no answer. A score needs no label.
//
// Destroyed, it ends what is still asked: the service sees the connection close.
// Thread: its loop's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>

#include "core/policy/judge_desk.h"

namespace capsem::proxy {

class Worker;

class JudgeCalls final : public policy::JudgeDesk {
 public:
  static constexpr std::size_t kAnswerBytesMax = 16u << 10;  // more is no answer

  // `ready` is called when an answer has come, and no call of ask() is on the stack.
  JudgeCalls(Worker& worker, std::function<void()> ready);
  ~JudgeCalls() override;
  JudgeCalls(const JudgeCalls&) = delete;
  JudgeCalls& operator=(const JudgeCalls&) = delete;

  const policy::JudgeAnswer* ask(const policy::JudgeQuestion& question) override;

 private:
  class Asked;
  void answered();

  Worker& worker_;
  const std::function<void()> ready_;
  bool asking_ = false;
  std::size_t open_ = 0;
  std::unordered_map<std::uint64_t, std::unique_ptr<Asked>> asked_;
};

}  // namespace capsem::proxy
