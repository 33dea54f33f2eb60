// Gateway keys in requests and answers, for integrations and keys.
#pragma once

#include <string>

#include "server/admin/fields.h"
#include "server/store/keys.h"

namespace capsem::admin {

// `name`, `agents`, `models`, `policies`, `limits`, `expires_at`; all may be missing.
store::KeyRow read_key_fields(Fields& fields, std::string_view name_member,
                              const wire::JsonReader* body, std::int64_t now_ms);
// `secret`: the key itself, in the one answer that shows it.
std::string show_key(const store::KeyRow& row, std::int64_t now_ms, const Secret* secret = nullptr);
// "active", "expired", "revoked", "replaced" (works until its end, or no longer)
std::string_view key_state(const store::KeyRow& row, std::int64_t now_ms);

}  // namespace capsem::admin
