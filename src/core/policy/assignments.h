// What a database says of who is judged by what, beside what policy files say themselves: bindings,
// uploaded files, restrictions of single keys, stored provider keys to look for. A plain value,
// read by server/store, compiled by Snapshot::freeze().
//
// Where a policy acts (R39). On a route of an integration: where its own `bind.integrations` names
// the integration, where it is bound to it here, or where the caller's key names it. On root
// routes: policies of the configuration directory without `bind.integrations`, and those bound to
// "root" here. An uploaded file's policies act nowhere until they are bound. Agents, keys and
// models that a policy is bound to have to agree everywhere.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/secret.h"
#include "core/policy/ir.h"

namespace capsem::policy {

inline constexpr const char* kRootTarget = "root";
inline constexpr const char* kEveryTarget = "*";
// Whose uploaded files every tenant may bind.
inline constexpr const char* kCommonTenant = "default";

struct BoundPolicy {
  std::string policy;  // an id, or a glob of ids
  std::string target;  // an integration's id, "root", or "*": both of them
  std::string tenant;  // whose uploaded policies are meant beside the directory's; empty: all
};

// What one key is held to.
struct KeyTerms {
  std::string key;                    // its id
  std::string tenant;                 // as above, of `policies`
  std::vector<std::string> agents;    // globs of whom it may speak for; empty: any, never bound
  std::vector<std::string> policies;  // ids or globs, beside those of the integration
};

// A policy that is in no file; acts for these alone.
struct MadePolicy {
  Policy policy;
  std::string key;                   // an id; empty: through `targets`
  std::vector<std::string> targets;  // ids of integrations, "root"
};

// A provider key that the gateway keeps, to be found in texts.
struct OwnKey {
  std::string name;
  Secret value;
};

struct Assignments {
  std::vector<BoundPolicy> bindings;
  std::map<std::string, std::string> uploaded;  // name of a source file -> its tenant
  std::vector<KeyTerms> keys;
  std::vector<MadePolicy> made;
  std::vector<std::shared_ptr<const OwnKey>> own_keys;
  // Over everything above but the texts of files: equal digests, equal assignments. `bound` over
  // what belongs to a revision of the policies: bindings. Empty when there are none.
  std::string digest, bound;
};

}  // namespace capsem::policy
