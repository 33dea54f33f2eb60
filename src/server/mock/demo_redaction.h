// The demo's last scene: a value that the provider never sees, and the client gets back.
#pragma once

#include <iosfwd>

namespace capsem::mock {

// Plays it on a stage of its own and prints what each side has seen. False: not as it should be.
bool play_redaction(std::ostream& out);

}  // namespace capsem::mock
