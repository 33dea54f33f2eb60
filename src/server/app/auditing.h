// The audit as the program runs it: its writer, built from settings over what is remembered.
#pragma once

#include <memory>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "server/app/state.h"
#include "server/proxy/settings.h"
#include "server/store/audit_writer.h"

namespace capsem::app {

// Null: audit.enabled is false. `state` and `clock` outlive the writer. Returns when the database
// takes records, or has not for a while.
Result<std::unique_ptr<store::AuditWriter>> start_audit(const proxy::Settings& settings,
                                                        State& state, const Clock& clock);

}  // namespace capsem::app
