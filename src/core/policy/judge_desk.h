// The seam to judge services: models of the operator's own, asked over the network. The core asks
// here and never waits: what is not known yet makes the exchange say Step::Wait, and the same
// question, put once more, finds its answer.
//
// A desk belongs to one exchange and its loop. Whoever implements it calls the exchange's owner
// when every answer has come, never from within ask().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/event/event.h"
#include "core/policy/ir.h"

namespace capsem::policy {

struct JudgeQuestion {
  std::uint64_t id = 0;  // the same question of an exchange has the same
  const JudgePolicy* policy = nullptr;
  event::Point point = event::Point::Prompt;
  std::string_view text;
};

struct JudgeAnswer {
  bool answered = false;  // false: no answer in time, or none that can be read
  float score = 0;        // 0..1
  std::string label;      // what the service calls it; may be empty
};

class JudgeDesk {
 public:
  virtual ~JudgeDesk() = default;
  // nullptr: asked, and not known yet. Else valid as long as the desk. The question's views are
  // read during the call.
  virtual const JudgeAnswer* ask(const JudgeQuestion& question) = 0;
};

// Where a judge service is asked.
struct JudgeUrl {
  bool tls = false;
  std::string host;  // a name or an address, an IPv6 one without brackets
  std::uint16_t port = 80;
  std::string target = "/";
};
// "http://127.0.0.1:9000/judge"; false: it is no such URL. User names and fragments are none.
bool read_judge_url(std::string_view text, JudgeUrl& url);

}  // namespace capsem::policy
