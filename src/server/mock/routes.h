// Which API a method and path belong to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "server/mock/prompt.h"
#include "server/mock/render.h"

namespace capsem::mock {

enum class Action : std::uint8_t { Generate, CountTokens, Models, Retrieve, Items, Compact, None };

struct Route {
  Provider provider = Provider::OpenAi;
  Api api = Api::Chat;
  Action action = Action::None;
  std::string model;          // or the id of what is retrieved, where the path names it
  bool stream = false;        // by path or by query
  bool array_stream = false;  // Gemini's array form
};

// `is_anthropic`: the request carries anthropic-version, which decides where paths are shared.
Route route_of(std::string_view method, std::string_view target, bool is_anthropic);

}  // namespace capsem::mock
