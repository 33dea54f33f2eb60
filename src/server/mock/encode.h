// Compressing an answer as a provider would, flushed after every event.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/mock/behaviour.h"

namespace capsem::mock {

class Encoder {
 public:
  virtual ~Encoder() = default;
  // The compressed bytes of `text`, flushed so that a reader can have all of it; with `last`, the
  // end of the compressed data too.
  virtual std::string encode(std::string_view text, bool last) = 0;
};

// Null for Identity.
std::unique_ptr<Encoder> make_encoder(Encoding encoding);
std::string_view content_encoding(Encoding encoding);  // "gzip", "br", ...; empty for Identity

}  // namespace capsem::mock
