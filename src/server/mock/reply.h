// What goes out on a connection, fully decided: the session only plays it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "server/mock/behaviour.h"

namespace capsem::mock {

struct Piece {
  std::string bytes;
  std::uint32_t delay_ms = 0;  // before it is sent
};

struct Reply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  bool chunked = false;       // otherwise Content-Length over all pieces
  std::vector<Piece> pieces;  // of the body
  // Asked for more when the pieces have been sent; false: nothing more. Only with chunked.
  std::function<bool(Piece&)> more;
  std::uint32_t delay_ms = 0;
  std::uint32_t segment = 0;  // bytes per write; 0: one piece each
  Fault fault = Fault::None;
  std::uint32_t fault_after = 0;  // pieces
  std::string raw;                // not empty: sent as it is instead of all the above, then closed
};

}  // namespace capsem::mock
