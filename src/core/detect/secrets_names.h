// What the names that values are assigned to say about the values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace capsem::detect::secrets {

enum class NameKind : std::uint8_t { Other, Secret, Password };

// "db_password", "clientSecret", "X-Api-Key" against "passwordLabel", "token_type", "primary_key".
NameKind kind_of_name(std::string_view name);

// A run of text in one line, letters and digits alone, in lower case, and where words begin in it:
// "new-relic_apiKey" is "newrelicapikey" with words at 0, 3, 8 and 11.
class Squeezed {
 public:
  static constexpr std::size_t kMax = 112;

  // The last kMax letters and digits of text[from, to).
  Squeezed(std::string_view text, std::size_t from, std::size_t to);

  std::size_t size() const { return size_; }
  bool word_begins(std::size_t i) const { return i >= size_ || begins_[i]; }
  bool stands_at(std::size_t i, std::string_view word) const;
  std::size_t source(std::size_t i) const { return source_[i]; }  // its offset in the text
  char at(std::size_t i) const { return text_[i]; }
  bool contains(std::string_view word) const;

 private:
  std::size_t size_ = 0;
  char text_[kMax];
  bool begins_[kMax];
  std::size_t source_[kMax];
};

}  // namespace capsem::detect::secrets
