// Telling ids, enums, vectors and encoded bytes from text, and reading encoded text. Internal to
// codec/.
#pragma once

#include <string>
#include <string_view>

namespace capsem::codec {

// At most 128 characters of [A-Za-z0-9_.:/-]: an id, an enum value, a model name.
bool looks_like_name(std::string_view text);
// Only characters of standard or URL-safe base64.
bool looks_like_base64(std::string_view text);
inline bool looks_opaque(std::string_view text) {
  return looks_like_name(text) || looks_like_base64(text);
}

// text/*, JSON, XML, CSV and their kin, parameters ignored: what can be inspected once decoded.
bool is_text_mime(std::string_view mime);

// Standard or URL-safe, padding optional. False when `text` is not base64.
bool decode_base64(std::string_view text, std::string& out);
// Undoes %XX; a % without two hexadecimal digits stays.
void decode_percent(std::string_view text, std::string& out);
// UTF-8 without control characters other than space: a text, whatever it was called.
bool is_readable(std::string_view bytes);

struct DataUrl {
  std::string_view mime;  // empty when not given, which means text/plain
  bool base64 = false;
  std::string_view data;
};
// False when `text` is not a data: URL.
bool parse_data_url(std::string_view text, DataUrl& out);

}  // namespace capsem::codec
