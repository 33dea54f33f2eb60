// Who asks for what, as far as it is known before any text is read: what bindings, access rules,
// lists and conditions speak of. All views; they outlive whatever is given the subject.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace capsem::policy {

struct Subject {
  // Who. `agent` is what the caller says, or "<provider>-direct" (R81); it is bound when the key's
  // configuration allows it (X11). `key` is a stored key's id, or the hashed user id; never the
  // key.
  std::string_view agent{}, key{};
  // Through which integration, by its name and by its id; empty on root routes.
  std::string_view integration{}, integration_id{};
  // A file's own tests: its policies are in force wherever they are bound to.
  std::string_view tested_file{};
  bool agent_bound = false;

  // What. `action` is "llm.generate" or "embedding.generate" (R72), or whatever a caller of the
  // check API asks about.
  std::string_view action{}, resource{};  // resource: empty stands for "model/<model>"
  std::string_view model{}, provider{}, endpoint{};
  bool stream = false;
  bool has_images = false, has_files = false;
  std::span<const std::string> file_types{};

  // Where to. An empty host: no provider is contacted (the check API), network lists are silent.
  std::string_view upstream_host{};
  bool upstream_tls = true;

  // The context that POST /v1/policy/enforce was given beyond the above.
  std::span<const std::pair<std::string, std::string>> context{};
};

}  // namespace capsem::policy
