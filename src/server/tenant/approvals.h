// The approvals seam: what an exchange asks when a policy wants a person's word (R43, R49, R50,
// X3, X7), and what the caller is told. Behind it is server/store; a gateway without a database has
// none, and every such verdict is a plain 403.
//
// Calls come from loops and do not block; answers come later, on any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/audit/record.h"
#include "core/event/event.h"
#include "core/policy/decision.h"

namespace capsem::tenant {

// An answer that was made and withheld; an approved retry receives it instead of a second call.
struct KeptAnswer {
  int status = 200;
  std::string content_type;
  bool streamed = false;
  std::string body;
};

struct ApprovalQuestion {
  std::string tenant, integration;  // integration: an id; empty on root routes
  std::string caller;               // the key's id, or the hashed user id
  std::string agent, route, model;
  // Over route, agent and the request's canonical JSON without its stream members (R50). What it is
  // keyed with, and that the tenant and the caller belong to it, is the store's.
  std::string digest;
  std::string revision, run_id;
  event::Phase phase = event::Phase::Request;
  std::vector<policy::Decision> decisions;  // those that want approval
  std::vector<audit::KeptText> texts;       // for the reviewer, by the tenant's content level
  std::optional<KeptAnswer> answer{};       // Phase::Response, when it was complete
  // Told what becomes of the review (R53); callback_allowed() says yes to it. Empty: nobody.
  std::string callback_url{};
};

struct ApprovalAnswer {
  enum class Kind : std::uint8_t {
    Granted,      // a review was approved and is consumed by this very exchange; go on
    Held,         // a review waits; this request opened it or is the same again
    Rejected,     // a person has said no to this very request, and it has not expired
    Full,         // the tenant's queue is full: 503
    Unavailable,  // the database did not answer: 503, fail closed
  } kind = Kind::Unavailable;
  std::string review_id{};
  std::size_t violations = 0;          // Held: the rules that its review is about
  std::optional<KeptAnswer> answer{};  // Granted: give this, do not call the provider
  // Granted, and the review was of an answer that could not be kept: (policy, rule) of what was
  // approved. The provider is called again; an answer of which nothing else wants approval needs no
  // further review.
  std::vector<std::pair<std::string, std::string>> released{};
};

class Approvals {
 public:
  virtual ~Approvals() = default;

  // Consumes an approved review that matches, attaches to one that waits, or opens one: one step,
  // whatever other gateways do meanwhile. `ttl_ms`: how long a new one lives.
  virtual void ask(ApprovalQuestion question, std::function<void(ApprovalAnswer)> answer) = 0;

  // Must a request be looked up before the provider is called, because an answer to the same
  // request of this caller is under review? Cheap, and almost always false.
  virtual bool may_have_answer(std::string_view tenant, std::string_view caller) const = 0;
  // As ask() for a request that has a review of its answer already; opens none. Empty: there is
  // none, the exchange goes on as it would have.
  virtual void find_answer(ApprovalQuestion question,
                           std::function<void(std::optional<ApprovalAnswer>)> answer) = 0;

  // The client has left while its review was being opened: a review that nobody knows of is
  // withdrawn (T12).
  virtual void withdraw(std::string review_id) = 0;

  // May a caller have this URL told? Only hosts of the configuration, https unless it says
  // otherwise. Does not block.
  virtual bool callback_allowed(std::string_view url) const = 0;

  // GET /v1/reviews/{id}: the reply's status and body; 404 for another caller's (R49, T21).
  virtual void poll(std::string review_id, std::string tenant, std::string integration,
                    std::string caller,
                    std::function<void(int status, std::string body)> answer) = 0;
};

}  // namespace capsem::tenant
