// Writing JSON by hand: the mock's answers keep the member order of the providers' own, which is
// what SDKs and people reading a trace are used to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace capsem::mock {

// `text` as a JSON string literal, quotes included. UTF-8 is kept as it is.
std::string json_string(std::string_view text);

// One object, members in the order of the calls. Keys must not need escaping.
class JsonObject {
 public:
  JsonObject& str(std::string_view key, std::string_view value);
  JsonObject& num(std::string_view key, std::int64_t value);
  JsonObject& boolean(std::string_view key, bool value);
  JsonObject& null(std::string_view key) { return raw(key, "null"); }
  // `json` is a JSON text.
  JsonObject& raw(std::string_view key, std::string_view json);
  // The finished object; the builder is spent.
  std::string take();

 private:
  void key(std::string_view name);
  std::string text_ = "{";
};

// Each item is a JSON text.
std::string json_array(const std::vector<std::string>& items);

}  // namespace capsem::mock
