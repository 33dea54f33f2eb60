// Who asks: all credential headers reduced to one key before anything is checked (T28). The key
// goes to the provider as it came and is known here by its hash alone (R9, R10).
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/secret.h"
#include "server/http/head.h"
#include "server/http/path.h"
#include "server/proxy/settings.h"

namespace capsem::proxy {

struct Identity {
  Secret key;
};

struct IdentityError {
  enum class Kind : std::uint8_t { Missing, Malformed, Conflicting } kind;
  std::string_view header;  // Missing: the one this route wants, as error bodies spell it
};

// `provider`: whose headers count; nothing: any provider's.
std::expected<Identity, IdentityError> identify(const http::RequestHead& head,
                                                const http::Target& target,
                                                std::optional<Provider> provider);

// R10: the first 16 hexadecimal digits of the key's SHA-256.
std::string user_id_of(const Secret& key);

// Is this a header that carries credentials, whoever reads it?
bool is_credential(const http::Field& field);

// Is this header one of those that carry credentials, but not one `provider` reads? Such a header
// is not forwarded.
bool foreign_credential(const http::Field& field, Provider provider);

}  // namespace capsem::proxy
