// Passwords in URLs and private keys in PEM blocks.
#pragma once

#include <cstddef>
#include <optional>

#include "core/detect/secrets_hit.h"

namespace capsem::detect::secrets {

// scheme://user:password@host, with "://" at `colon`. The finding is the password. Hits of well
// known stand-ins ("user:secret@") score kSampleScore; variables and stars none.
void look_at_url(Probe& probe, std::size_t colon, Hits& hits);

// "-----BEGIN ... PRIVATE KEY-----" at p, if base64 follows: the finding is the label, its tail the
// block.
std::optional<Hit> match_pem(Probe& probe, std::size_t p);

// "PuTTY-User-Key-File-" at p.
std::optional<Hit> match_putty(Probe& probe, std::size_t p);

}  // namespace capsem::detect::secrets
