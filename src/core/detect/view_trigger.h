// The pass over plain text that views cost: where may a byte not stand for itself? 64 bytes a step.
#pragma once

#include <cstddef>
#include <string_view>

namespace capsem::detect {

// The first place >= from where an encoding may begin (encoding.h): '%', '&', '\', and the first
// byte (from `from` on) of a run of kBase64Min base64 digits, or of a shorter one that the end of
// the text may have cut. Or s.size().
std::size_t next_encoded(std::string_view s, std::size_t from);

// The first byte >= from beyond ASCII, or s.size().
std::size_t next_high(std::string_view s, std::size_t from);

// Whichever comes first.
std::size_t next_encoded_or_high(std::string_view s, std::size_t from);

}  // namespace capsem::detect
