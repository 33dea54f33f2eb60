// Reads the members of a request's JSON object, each with its bounds. The first thing that is wrong
// is kept and told by done(); until then values may be default ones.
//
//   Fields fields(call.body);
//   const std::string name = fields.text("name", {.min = 1, .max = kNameBytesMax});
//   if (auto ok = fields.done(); !ok) return error_reply(ok.error());
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.h"
#include "core/base/secret.h"
#include "core/wire/json.h"

namespace capsem::admin {

struct TextBounds {
  std::size_t min = 0, max = 0;  // bytes
  bool lines = false;            // line ends and tabs may be in it; other control characters never
};

class Fields {
 public:
  // No body reads as an empty object.
  explicit Fields(const wire::JsonReader* body);

  // Missing: an error.
  std::string text(std::string_view name, TextBounds bounds);
  std::string word(std::string_view name, std::initializer_list<std::string_view> words);
  Secret secret(std::string_view name, TextBounds bounds);
  std::int64_t number(std::string_view name, std::int64_t min, std::int64_t max);

  // Missing: nothing. A null is told apart where it means something: is_null().
  std::optional<std::string> optional_text(std::string_view name, TextBounds bounds);
  std::optional<std::string> optional_word(std::string_view name,
                                           std::initializer_list<std::string_view> words);
  Secret optional_secret(std::string_view name, TextBounds bounds);  // empty: missing
  std::optional<std::int64_t> optional_number(std::string_view name, std::int64_t min,
                                              std::int64_t max);
  std::optional<bool> optional_flag(std::string_view name);
  // A list of texts.
  std::optional<std::vector<std::string>> optional_list(std::string_view name,
                                                        std::size_t count_max, TextBounds bounds);
  // The node itself, for what is nested; it counts as read.
  const wire::JsonNode* node(std::string_view name);
  bool has(std::string_view name) const;  // null counts
  bool is_null(std::string_view name) const;

  void wrong(std::string_view name, std::string_view what);  // unless something was wrong before

  // Client error "invalid_request" that names the member. Members nobody read are one, too.
  Status done();

 private:
  const wire::JsonNode* take(std::string_view name);
  std::string text_of(std::string_view name, const wire::JsonNode& node, TextBounds bounds);

  const wire::JsonReader* body_;
  std::vector<std::string_view> read_;
  std::optional<Error> error_;
};

}  // namespace capsem::admin
