#include "server/proxy/policy_api.h"

#include <algorithm>
#include <array>

#include "core/codec/denial.h"

namespace capsem::proxy {
namespace {

using codec::append_json_string;
using policy::Verdict;
using wire::JsonKind;
using wire::JsonNode;

constexpr unsigned kEnforce = 1, kExplain = 2, kEvaluate = 4;
constexpr std::size_t kAnyLength = ~std::size_t{0};
constexpr std::size_t kNameMax = 255, kContextMax = 64, kContextValueMax = 1'000, kToolsMax = 1'024;

constexpr unsigned bit(PolicyCall call) {
  return 1U << static_cast<unsigned>(call);
}

// A member that is a text.
struct TextMember {
  std::string_view name;
  unsigned calls;  // that have it
  std::size_t characters_max;
  std::string PolicyQuestion::* slot;
  unsigned required = 0;  // calls that must have it, not empty
};
constexpr std::array kTexts = {
    TextMember{"action", kEnforce | kExplain, kNameMax, &PolicyQuestion::action, kEnforce},
    TextMember{"resource", kEnforce | kExplain, 1'000, &PolicyQuestion::resource, kEnforce},
    TextMember{"model", kExplain, kNameMax, &PolicyQuestion::model},
    TextMember{"prompt", kExplain, kAnyLength, &PolicyQuestion::prompt},
    TextMember{"response", kExplain, kAnyLength, &PolicyQuestion::response},
    TextMember{"tool", kExplain, kNameMax, &PolicyQuestion::tool},
    TextMember{"tool_result", kExplain, kAnyLength, &PolicyQuestion::tool_result},
    TextMember{"input", kEvaluate, kAnyLength, &PolicyQuestion::prompt, kEvaluate},
    TextMember{"targetKey", kEvaluate, 1'000, &PolicyQuestion::target_key},
    TextMember{"correlationId", kEvaluate, 255, &PolicyQuestion::correlation_id},
    TextMember{"sessionId", kEvaluate, 255, &PolicyQuestion::session_id},
};
constexpr std::size_t kCallbackUrlMax = 1'024;

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::unexpected<Error> wrong(std::string_view member, std::string_view what) {
  return client_error("invalid_member", std::string(member).append(": ").append(what));
}

std::string too_long(std::size_t characters_max) {
  return "longer than " + std::to_string(characters_max) + " characters";
}

Status read_text(const JsonNode& node, std::string_view name, std::size_t characters_max,
                 std::string& out) {
  if (node.kind != JsonKind::String) return wrong(name, "must be a string");
  if (characters_max != kAnyLength && characters(node.text) > characters_max) {
    return wrong(name, too_long(characters_max));
  }
  out = node.text;
  return {};
}

class Reader {
 public:
  Reader(PolicyCall call, const wire::JsonReader& json) : json_(json) { question_.call = call; }

  Result<PolicyQuestion> read() {
    const auto nodes = json_.nodes();
    if (nodes.empty() || nodes[0].kind != JsonKind::Object) {
      return client_error("invalid_member", "the body must be a JSON object");
    }
    for (std::size_t i = 1; i < nodes[0].next; i = nodes[i].next) {
      if (auto ok = read_member(i); !ok) return std::unexpected(ok.error());
    }
    if (auto ok = check(); !ok) return std::unexpected(ok.error());
    return std::move(question_);
  }

 private:
  unsigned call() const { return bit(question_.call); }

  Status read_member(std::size_t at) {
    const JsonNode& node = json_.nodes()[at];
    const bool given = node.kind != JsonKind::Null;  // SDKs write what is not set as null
    for (const TextMember& member : kTexts) {
      if (member.name != node.key || (member.calls & call()) == 0) continue;
      if (!given) return {};
      return read_text(node, member.name, member.characters_max, question_.*member.slot);
    }
    if (call() == kEvaluate) {
      if (node.key == "callbackUrl") {
        return given ? read_text(node, "callbackUrl", kCallbackUrlMax, question_.callback_url)
                     : Status();
      }
      if (node.key == "targetMetadata") return given ? read_metadata(node) : Status();
    } else {
      if (node.key == "context") return given ? read_context(at) : Status();
    }
    if (call() == kExplain) {
      if (node.key == "tool_args") return given ? read_tool_args(node) : Status();
      if (node.key == "tools") return given ? read_tools(at) : Status();
      if (node.key == "stream") return given ? read_stream(node) : Status();
    }
    return client_error("unknown_member", "unknown member '" + std::string(node.key) + "'");
  }

  std::string raw(const JsonNode& node) const {
    return std::string(json_.text().substr(node.begin, node.end - node.begin));
  }

  Status read_metadata(const JsonNode& node) {
    if (node.kind != JsonKind::Object) return wrong("targetMetadata", "must be an object");
    question_.target_metadata = raw(node);
    return {};
  }

  Status read_context(std::size_t at) {
    const auto nodes = json_.nodes();
    if (nodes[at].kind != JsonKind::Object) return wrong("context", "must be an object");
    for (std::size_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
      const JsonNode& node = nodes[i];
      const std::string name = "context." + std::string(node.key);
      if (node.kind == JsonKind::Null) continue;
      if (node.kind == JsonKind::Object || node.kind == JsonKind::Array) {
        return wrong(name, "must be a string, a number or a boolean");
      }
      if (characters(node.key) > kNameMax) return wrong("context", "a name is too long");
      if (characters(node.text) > kContextValueMax) return wrong(name, too_long(kContextValueMax));
      if (node.key == "agent_id") {
        if (node.kind != JsonKind::String) return wrong(name, "must be a string");
        question_.agent = node.text;
        continue;
      }
      if (question_.context.size() == kContextMax) {
        return wrong("context", "more than " + std::to_string(kContextMax) + " members");
      }
      question_.context.emplace_back(node.key, node.text);
    }
    return {};
  }

  Status read_tool_args(const JsonNode& node) {
    if (node.kind == JsonKind::Object) {
      question_.tool_args = raw(node);
      return {};
    }
    if (node.kind != JsonKind::String) return wrong("tool_args", "must be an object or its text");
    question_.tool_args = node.text;
    return {};
  }

  Status read_tools(std::size_t at) {
    const auto nodes = json_.nodes();
    if (nodes[at].kind != JsonKind::Array) return wrong("tools", "must be an array of names");
    for (std::size_t i = at + 1; i < nodes[at].next; i = nodes[i].next) {
      if (question_.tools.size() == kToolsMax) {
        return wrong("tools", "more than " + std::to_string(kToolsMax) + " names");
      }
      question_.tools.emplace_back();
      if (auto ok = read_text(nodes[i], "tools", kNameMax, question_.tools.back()); !ok) return ok;
    }
    return {};
  }

  Status read_stream(const JsonNode& node) {
    if (node.kind != JsonKind::True && node.kind != JsonKind::False) {
      return wrong("stream", "must be true or false");
    }
    question_.stream = node.kind == JsonKind::True;
    return {};
  }

  Status check() {
    PolicyQuestion& q = question_;
    for (const TextMember& member : kTexts) {
      if ((member.required & call()) != 0 && (q.*member.slot).empty()) {
        return client_error("missing_member",
                            std::string(member.name) + ": is required and may not be empty");
      }
    }
    if (!q.tool_args.empty() && q.tool.empty()) {
      return client_error("missing_member", "tool: is required with tool_args");
    }
    if (call() != kExplain) return {};
    const bool asks = !q.action.empty() || !q.resource.empty() || !q.model.empty() ||
                      !q.prompt.empty() || !q.response.empty() || !q.tool.empty() ||
                      !q.tool_result.empty() || !q.tools.empty();
    if (!asks) {
      return client_error("missing_member",
                          "nothing is asked: give an action and a resource, a "
                          "model, or a text");
    }
    return {};
  }

  const wire::JsonReader& json_;
  PolicyQuestion question_;
};

// ---- Answers ----

class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  Object& text(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(out_, value);
    return *this;
  }
  Object& text_or_null(std::string_view name, std::string_view value) {
    return value.empty() ? raw(name, "null") : text(name, value);
  }
  Object& raw(std::string_view name, std::string_view json) {
    begin(name);
    out_ += json;
    return *this;
  }
  void end() { out_ += '}'; }

 private:
  void begin(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_.append("\"").append(name).append("\":");
  }

  std::string& out_;
  bool first_ = true;
};

std::string render_enforce(const PolicyQuestion& question, const PolicyAnswer& answer,
                           std::string_view revision) {
  std::string out;
  Object body(out);
  body.raw("allowed", allows(answer.verdict) ? "true" : "false")
      .text("verdict", policy::to_string(answer.verdict))
      .text_or_null("decided_by", answer.decided_by)
      .text_or_null("message", answer.message)
      .text_or_null("code", answer.code)
      .text_or_null("reason_code", answer.reason_code)
      .text("run_id", question.run_id)
      .text("revision", revision)
      .end();
  return out;
}

// R53's two words for one verdict: what happens, and by which means.
struct Outcome {
  std::string_view outcome, enforcement;
};

Outcome outcome_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Allow:
      return {"ALLOW", "ALLOW"};
    case Verdict::Monitor:
      return {"ALLOW", "MONITOR_ONLY"};
    case Verdict::Log:
    case Verdict::Clarify:
    case Verdict::Replan:
      return {"WARN", "WARN"};
    case Verdict::Redact:
      return {"ALLOW", "REDACT"};
    case Verdict::Confirm:
      return {"BLOCK", "APPROVAL_REQUIRED"};
    case Verdict::Block:
      break;
  }
  return {"BLOCK", "BLOCK"};
}

void append_violation(std::string& out, const policy::Decision& decision) {
  Object(out)
      .text("id", decision.id)
      .text("policy", decision.policy)
      .text("rule", decision.rule)
      .text_or_null("severity", decision.severity)
      .text("message", decision.details)
      .text("enforcement", outcome_of(decision.verdict).enforcement)
      .text("phase", decision.phase == event::Phase::Request ? "input" : "output")
      .end();
}

std::string render_evaluation(const PolicyQuestion& question, const PolicyAnswer& answer) {
  std::string violations = "[";
  for (const policy::Decision& decision : answer.decisions) {
    if (!decision.enforced || decision.granted || decision.verdict == Verdict::Allow) continue;
    if (violations.size() > 1) violations += ',';
    append_violation(violations, decision);
  }
  violations += ']';
  const Outcome outcome = outcome_of(answer.verdict);
  std::string out = "{\"data\":";
  Object(out)
      .text("outcome", outcome.outcome)
      .text("enforcementAction", outcome.enforcement)
      .text("evaluationRunId", question.run_id)
      .text_or_null("reviewRequestId", answer.review_id)
      .text_or_null("pollUrl", answer.review_id.empty()
                                   ? std::string()
                                   : std::string(kReviewPrefix) + answer.review_id)
      .raw("violations", violations)
      .end();
  return out + '}';
}

}  // namespace

Result<PolicyQuestion> read_question(PolicyCall call, const wire::JsonReader& json) {
  return Reader(call, json).read();
}

policy::Subject subject_of(const PolicyQuestion& question, std::string_view path,
                           const Caller& caller) {
  constexpr std::string_view kModel = "model/";
  policy::Subject subject;
  subject.agent = caller.agent;
  subject.agent_bound = caller.agent_bound;
  subject.key = caller.user_id;
  subject.integration = caller.integration_name();
  subject.integration_id = caller.integration_id();
  subject.action = question.action;
  subject.resource = question.resource;
  subject.model = question.model;
  if (subject.model.empty() && question.resource.starts_with(kModel)) {
    subject.model = std::string_view(question.resource).substr(kModel.size());
  }
  // Who names a model and no action asks what a chat with it would be told (R72).
  if (subject.action.empty() && !subject.model.empty()) subject.action = "llm.generate";
  subject.endpoint = path;
  subject.stream = question.stream;
  subject.context = question.context;
  return subject;
}

void release_approvals(PolicyAnswer& answer) {
  answer.verdict = Verdict::Allow;
  answer.decided_by.clear();
  answer.message.clear();
  answer.code.clear();
  answer.reason_code.clear();
  for (policy::Decision& decision : answer.decisions) {
    if (!decision.enforced) continue;
    if (decision.verdict == Verdict::Confirm) decision.granted = true;
    if (decision.granted ||
        policy::strictness(decision.verdict) <= policy::strictness(answer.verdict)) {
      continue;
    }
    answer.verdict = decision.verdict;
    answer.decided_by = decision.policy + "/" + decision.rule;
    answer.message = decision.details;
    answer.code = decision.code;
    answer.reason_code = decision.reason_code;
  }
}

bool allows(Verdict verdict) {
  return policy::strictness(verdict) < policy::strictness(Verdict::Confirm);
}

int status_of(PolicyCall call, const PolicyAnswer& answer) {
  return call == PolicyCall::Enforce && !allows(answer.verdict) ? 403 : 200;
}

std::string render_answer(const PolicyQuestion& question, const PolicyAnswer& answer,
                          std::string_view revision) {
  switch (question.call) {
    case PolicyCall::Enforce:
      return render_enforce(question, answer, revision);
    case PolicyCall::Explain:
      return answer.explanation;
    case PolicyCall::Evaluate:
      break;
  }
  return render_evaluation(question, answer);
}

}  // namespace capsem::proxy
