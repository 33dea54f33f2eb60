// From a request to a reply: which API it speaks, how it is steered, what is answered.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/mock/reply.h"
#include "server/mock/state.h"

namespace capsem::mock {

struct Request {
  std::string_view method, target, body;
  std::vector<std::pair<std::string_view, std::string_view>> headers;

  // The first header of that name, in any letter case; empty when there is none.
  std::string_view header(std::string_view name) const;
};

// True for /mock/..., which answers about the mock itself and is never recorded.
bool is_control(std::string_view target);
Reply control(const Request& request, State& state);
Reply serve(const Request& request, State& state);

}  // namespace capsem::mock
