// A request and its answer played through the policies without a provider, a dialect or a limit:
// what `capsem policy test` and `explain`, and the check API (R53, R83) are made of. The same
// hearing and the same detectors judge as in an exchange.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.h"
#include "core/base/random.h"
#include "core/detect/catalog.h"
#include "core/policy/decision.h"
#include "core/policy/explain.h"
#include "core/policy/ir.h"
#include "core/policy/snapshot.h"

namespace capsem::policy {

// What is played. Owns its texts.
struct Scenario {
  // Who.
  std::string agent, key;
  std::string integration, integration_id{};  // no id: the name stands for it, too
  std::string tested_file{};                  // Subject::tested_file
  bool agent_bound = false;
  // What: a request of `action` on a model, or on any other resource. None at all: only the texts
  // are judged.
  std::string action = "llm.generate", model, resource;
  std::string provider = "openai", endpoint = "/v1/chat/completions";
  bool stream = false, has_images = false, has_files = false;
  std::vector<std::string> file_types;
  std::string upstream_host;  // empty: network lists are silent about the provider
  bool upstream_tls = true;
  std::vector<std::pair<std::string, std::string>> context;
  // With what; an empty optional is not there at all.
  std::vector<std::string> tools;  // names that the request defines
  std::optional<std::string> tool_result, prompt;
  std::optional<std::pair<std::string, std::string>> call;  // a returned one: name, arguments
  std::optional<std::string> response;
};
// The given part of a [[test]] block.
Scenario scenario_of(const PolicyTest& test);

struct Rehearsed {
  std::vector<Decision> decisions;   // in check order, shadow ones included
  Verdict verdict = Verdict::Allow;  // the strictest that is enforced
  // Index of the decision that settles: the first Block, else the first Confirm, else the first of
  // the strictest verdict.
  std::optional<std::size_t> decided;
  Trace trace;

  // "models/rest"; empty when nothing had anything to say.
  std::string decided_by() const;
};

// What playing needs beside the policies; for those who have it already, as loops do. The scratch
// is one of the snapshot's catalog.
struct RehearsalRoom {
  detect::CatalogScratch& scratch;
  std::vector<detect::Finding>& findings;
  IdSource& ids;
  // How much of what was considered is kept; 0: nothing is noted, which is faster.
  std::size_t trace_max = Trace::kMax;
};
// An error is a detector's.
Result<Rehearsed> rehearse(const Scenario& scenario,
                           const std::shared_ptr<const Snapshot>& snapshot,
                           const RehearsalRoom& room);

// Not thread-safe: it owns the detectors' scratch. One per thread and snapshot.
class Rehearsal {
 public:
  explicit Rehearsal(std::shared_ptr<const Snapshot> snapshot, std::uint64_t id_seed = 1);

  // An error is a detector's. `trace_max` as above.
  Result<Rehearsed> play(const Scenario& scenario, std::size_t trace_max = Trace::kMax);

 private:
  std::shared_ptr<const Snapshot> snapshot_;
  detect::CatalogScratch scratch_;
  std::vector<detect::Finding> findings_;
  IdSource ids_;
};

}  // namespace capsem::policy
