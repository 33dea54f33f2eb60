// What was considered on the way to a decision, and why it did not match: for people who ask. Only
// filled in on request; the fast path does not know it.
#pragma once

#include <string>
#include <vector>

namespace capsem::policy {

struct Considered {
  std::string rule;  // "models/premium-gpt4"
  std::string at;    // "policy.toml:43:3"
  bool matched = false;
  std::string
      because;  // "when.agent_id: basic-1 !~ premium-*", "resource: model/gpt-4 !~ model/o*"
};

struct Trace {
  static constexpr std::size_t kMax = 200;
  std::size_t max = kMax;  // further ones are counted
  std::vector<Considered> considered;
  std::size_t left_out = 0;

  void add(Considered entry) {
    if (considered.size() < max) {
      considered.push_back(std::move(entry));
    } else {
      ++left_out;
    }
  }
};

}  // namespace capsem::policy
