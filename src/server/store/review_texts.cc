#include "server/store/review_texts.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "core/audit/json_line.h"
#include "core/wire/json.h"
#include "server/store/wall_time.h"

namespace capsem::store {
namespace {

constexpr std::size_t kTextBytesMax = 4'096, kRepeatsMax = 100;

// Owns a text with the padding that the reader wants.
class Parsed {
 public:
  explicit Parsed(std::string_view json) : text_(json) {
    text_.append(wire::JsonReader::kPadding, '\0');
    ok_ = reader_.parse(std::string_view(text_).substr(0, json.size())).has_value();
  }
  bool ok() const { return ok_; }
  const wire::JsonReader& reader() const { return reader_; }

 private:
  std::string text_;
  wire::JsonReader reader_;
  bool ok_ = false;
};

Rules sorted(Rules rules) {
  std::ranges::sort(rules);
  const auto repeats = std::ranges::unique(rules);
  rules.erase(repeats.begin(), repeats.end());
  return rules;
}

std::string_view phase_word(event::Phase phase) {
  return phase == event::Phase::Request ? "input" : "output";
}

}  // namespace

std::string violations_json(std::span<const policy::Decision> decisions) {
  audit::JsonLine line(kTextBytesMax);
  std::set<std::pair<std::string_view, std::string_view>> seen;
  std::size_t written = 0;
  line.open_array();
  for (const policy::Decision& one : decisions) {
    const bool first = seen.emplace(one.policy, one.rule).second;
    if (!first && written >= kRepeatsMax) continue;
    ++written;
    line.open_object();
    line.text("id", one.id);
    line.text("policy", one.policy);
    line.text("rule", one.rule);
    if (one.severity.empty()) {
      line.raw("severity", "null");
    } else {
      line.text("severity", one.severity);
    }
    line.text("message", one.details);
    line.text("enforcement", "APPROVAL_REQUIRED");
    line.text("phase", phase_word(one.phase));
    line.close_object();
  }
  line.close_array();
  return line.take();
}

Rules rules_of(std::span<const policy::Decision> decisions) {
  Rules rules;
  for (const policy::Decision& one : decisions) rules.emplace_back(one.policy, one.rule);
  return sorted(std::move(rules));
}

Rules rules_of_json(std::string_view violations) {
  const Parsed parsed(violations);
  Rules rules;
  if (!parsed.ok()) return rules;
  const auto nodes = parsed.reader().nodes();
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next) {
    const wire::JsonNode* policy = parsed.reader().find(i, "policy");
    const wire::JsonNode* rule = parsed.reader().find(i, "rule");
    if (policy == nullptr || rule == nullptr) continue;
    rules.emplace_back(policy->text, rule->text);
  }
  return sorted(std::move(rules));
}

std::string poll_body(const Review& review, ReviewStatus status) {
  audit::JsonLine line(kTextBytesMax);
  line.open_object();
  line.open_object("data");
  line.text("id", review.id);
  line.text("status", to_string(status));
  line.text("created_at", iso_time(review.created_ms));
  line.text("expires_at", iso_time(review.expires_ms));
  line.text("run_id", review.run_id);
  line.raw("violations", review.violations);
  line.close_object();
  line.close_object();
  return line.take();
}

std::string poll_error(std::string_view message, std::string_view type, std::string_view code) {
  audit::JsonLine line(kTextBytesMax);
  line.open_object();
  line.open_object("error");
  line.text("message", message);
  line.text("type", type);
  line.text("code", code);
  line.raw("run_id", "null");
  line.raw("review_request_id", "null");
  line.raw("poll_url", "null");
  line.close_object();
  line.close_object();
  return line.take();
}

std::string review_event(std::string_view event, const Review& review) {
  audit::JsonLine line(kTextBytesMax);
  line.open_object();
  line.text("event", event);
  line.open_object("data");
  line.text("id", review.id);
  line.text("status", to_string(review.status));
  line.text("tenant", review.tenant);
  line.text("integration_id", review.integration);
  line.text("run_id", review.run_id);
  line.text("phase", phase_word(review.phase));
  line.text("poll_url", "/v1/reviews/" + review.id);
  line.text("created_at", iso_time(review.created_ms));
  line.text("expires_at", iso_time(review.expires_ms));
  if (review.decided_ms != 0) line.text("decided_at", iso_time(review.decided_ms));
  line.open_array("rules");
  for (const auto& [policy, rule] : rules_of_json(review.violations)) {
    line.open_object();
    line.text("policy", policy);
    line.text("rule", rule);
    line.close_object();
  }
  line.close_array();
  line.close_object();
  line.close_object();
  return line.take();
}

std::string preview_json(std::span<const audit::KeptText> texts, audit::ContentLevel level,
                         const std::function<std::string(std::string_view)>& mask,
                         std::size_t bytes_max) {
  const bool masked = level == audit::ContentLevel::Redacted;
  if (texts.empty() || (masked ? !mask : level != audit::ContentLevel::Full)) return {};
  // The texts are cut here; the line's own bound is for names.
  audit::JsonLine line(std::max<std::size_t>(bytes_max, 1'024));
  std::size_t left = bytes_max;
  line.open_array();
  for (const audit::KeptText& text : texts) {
    if (left == 0) break;
    line.open_object();
    line.text("point", to_string(text.point));
    line.text("phase", phase_word(text.phase));
    if (!text.tool.empty()) line.text("tool", text.tool);
    // Masked whole, then cut: half of an address is still an address.
    const std::string shown = masked ? mask(text.text) : text.text;
    std::size_t size = std::min(shown.size(), left);
    while (size < shown.size() && size > 0 &&
           (static_cast<unsigned char>(shown[size]) & 0xC0) == 0x80) {
      --size;
    }
    left = size < shown.size() ? 0 : left - size;
    line.text("text", std::string_view(shown).substr(0, size));
    if (size < shown.size()) line.boolean("cut", true);
    line.close_object();
  }
  line.close_array();
  return line.take();
}

std::string answer_head_json(const tenant::KeptAnswer& answer) {
  audit::JsonLine line(kTextBytesMax);
  line.open_object();
  line.number("status", std::int64_t{answer.status});
  line.text("content_type", answer.content_type);
  line.boolean("streamed", answer.streamed);
  line.close_object();
  return line.take();
}

tenant::KeptAnswer answer_from(std::string_view head, std::string body) {
  tenant::KeptAnswer answer;
  answer.status = 0;
  answer.body = std::move(body);
  const Parsed parsed(head);
  if (!parsed.ok()) return answer;
  if (const auto* node = parsed.reader().find(std::size_t{0}, "status")) {
    std::from_chars(node->text.data(), node->text.data() + node->text.size(), answer.status);
  }
  if (const auto* node = parsed.reader().find(std::size_t{0}, "content_type")) {
    answer.content_type = node->text;
  }
  if (const auto* node = parsed.reader().find(std::size_t{0}, "streamed")) {
    answer.streamed = node->kind == wire::JsonKind::True;
  }
  return answer;
}

}  // namespace capsem::store
