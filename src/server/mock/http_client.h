// One blocking HTTP request to this machine, for the demo.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace capsem::mock {

struct HttpAnswer {
  int status = 0;  // 0: no answer; `body` says why
  std::string body;
};

HttpAnswer post_json(std::uint16_t port, std::string_view path, std::string_view authorization,
                     std::string_view body);

}  // namespace capsem::mock
