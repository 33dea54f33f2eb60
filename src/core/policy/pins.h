// Tool pinning (T18): the digest of each tool's name, description and schema is remembered per
// principal when it is first shown; a tool that later looks different has perhaps been poisoned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::policy {

enum class PinState : std::uint8_t {
  New,  // never seen of this principal: now remembered
  Unchanged,
  Changed,  // the old digest stays the one to compare with
  Full,     // no room to remember it: nothing is known
};

// Where digests are kept. Called from all loops at once; must not block.
class PinStore {
 public:
  virtual ~PinStore() = default;
  virtual PinState look(std::string_view principal, std::string_view tool,
                        std::string_view digest) = 0;
  // The principal's tool is known in this form from now on: after a person has approved it.
  virtual void accept(std::string_view principal, std::string_view tool,
                      std::string_view digest) = 0;
};

// Collects one definition's texts and makes their digest: SHA-256 over each part with its length;
// schemas in a canonical form, so that the order of members and the white space between them are no
// change. A value of one definition.
class DefinitionDigest {
 public:
  void add(const event::Text& text);
  // 64 hexadecimal digits. `reader` is borrowed to read the schema.
  std::string finish(wire::JsonReader& reader) const;

 private:
  std::string name_, description_, schema_, rest_;
};

// JSON with members sorted by name and no white space; the text itself when it is not JSON. Members
// of the outermost object whose names begin with `without`, if anything, are left out.
std::string canonical_json(std::string_view json, wire::JsonReader& reader,
                           std::string_view without = {});

}  // namespace capsem::policy
