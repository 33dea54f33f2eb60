// What a tenant's content level leaves of an exchange's texts (T35), and the masking for
// "redacted". On the audit writer's thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "server/store/audit_entry.h"
#include "server/store/audit_writer.h"

namespace capsem::store {

// What sealed content is bound to besides its tenant and run (vault::Place::provider).
inline constexpr std::string_view kContentPlace = "audit_content";

struct ContentLimits {
  std::uint64_t bytes_max = 0;  // of one exchange's texts together
  bool seals = false;           // nothing but digests is kept unsealed: there was a key before
};

// The entry's texts become its body, and are gone: digests, masked texts or texts; sealed where
// there is a key. What cannot be sealed or masked is kept as digests instead.
void settle_content(AuditEntry& entry, const AuditContentParts& parts, const ContentLimits& limits);

}  // namespace capsem::store
