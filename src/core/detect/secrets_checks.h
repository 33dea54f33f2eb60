// What vendors build into their tokens: checksums, signatures, encodings. Most shapes have none. A
// check that passes makes a finding certain; only checks of form ("is this JSON?") may refuse.
#pragma once

#include <cstdint>
#include <string_view>

namespace capsem::detect::secrets {

enum class Check : std::uint8_t {
  None,
  Crc62,      // GitHub, npm: the last 6 characters are the CRC-32 of the body, in base 62
  Routable,   // GitLab: "." payload length (base 36), then the CRC-32 (base 36)
  Bech32,     // BIP 173: AGE
  Macaroon,   // PyPI: an identifier packet of version 2
  Jwt,        // the first part is JSON and names an algorithm
  JwtTwice,   // base64 of a JWT
  PemTwice,   // base64 of a PEM private key
  EndsAA,     // Anthropic
  OpenAi,     // holds "T3BlbkFJ", which is base64 of "OpenAI"
  DiscordId,  // the first part is base64 of decimal digits
  Mixed,      // upper case, lower case and digits
  Labelled,   // stands behind a name or in quotes: by itself it may be public
};

enum class Verdict : std::uint8_t { Refused, Unproven, Proven, Weak };

// `token` stands at `begin` of `text`; `body` is the token without its fixed beginning.
Verdict verify(Check check, std::string_view text, std::size_t begin, std::string_view token,
               std::string_view body);

// The user and password of HTTP's Basic authentication: base64 of printable "user:password".
bool is_basic_credentials(std::string_view base64);

}  // namespace capsem::detect::secrets
