#include "server/proxy/judge_calls.h"

#include <charconv>
#include <optional>
#include <string>
#include <utility>

#include "core/codec/denial.h"
#include "core/wire/json.h"
#include "server/proxy/upstreams.h"
#include "server/proxy/worker.h"
#include "server/upstream/call.h"

namespace capsem::proxy {
namespace {

using event::Point;
using policy::JudgeAnswer;
using policy::JudgeQuestion;
using policy::JudgeUrl;

std::string_view name_of(Point point) {
  switch (point) {
    case Point::Prompt:
      return "prompt";
    case Point::ToolDefinition:
      return "tool_definition";
    case Point::ToolCall:
      return "tool_args";
    case Point::ToolResult:
      return "tool_result";
    case Point::ModelOutput:
    case Point::Thought:
      break;
  }
  return "response";
}

std::string body_of(const JudgeQuestion& question) {
  std::string body = R"({"policy":)";
  codec::append_json_string(body, question.policy->head.id);
  body += R"(,"point":)";
  codec::append_json_string(body, name_of(question.point));
  body += R"(,"text":)";
  codec::append_json_string(body, question.text);
  return body + '}';
}

std::string head_of(const JudgeUrl& url, std::size_t body_bytes) {
  const bool v6 = url.host.find(':') != std::string::npos;
  std::string head = "POST " + url.target + " HTTP/1.1\r\nhost: ";
  head += v6 ? "[" + url.host + "]" : url.host;
  if (url.port != (url.tls ? 443 : 80)) head += ":" + std::to_string(url.port);
  head += "\r\ncontent-type: application/json\r\naccept: application/json\r\ncontent-length: ";
  return head + std::to_string(body_bytes) + "\r\n\r\n";
}

JudgeAnswer read_answer(std::string text) {
  const std::size_t size = text.size();
  text.reserve(size + wire::JsonReader::kPadding);
  wire::JsonReader reader;
  if (!reader.parse(text)) return {};
  const wire::JsonNode& root = reader.nodes()[0];
  if (root.kind != wire::JsonKind::Object) return {};
  const wire::JsonNode* score = reader.find(root, "score");
  const wire::JsonNode* label = reader.find(root, "label");
  if (score == nullptr || score->kind != wire::JsonKind::Number) return {};
  JudgeAnswer answer;
  const auto [end, fault] =
      std::from_chars(score->text.data(), score->text.data() + score->text.size(), answer.score);
  if (fault != std::errc() || answer.score < 0 || answer.score > 1) return {};
  if (label != nullptr && label->kind == wire::JsonKind::String) answer.label = label->text;
  answer.answered = true;
  return answer;
}

}  // namespace

class JudgeCalls::Asked final : public upstream::CallEvents,
                                public net::TimerHandler,
                                public net::Retirable {
 public:
  Asked(JudgeCalls& desk, std::shared_ptr<Upstream> upstream, const JudgeQuestion& question)
      : desk_(&desk),
        upstream_(std::move(upstream)),
        body_(body_of(question)),
        call_(upstream_->pool, *this) {}

  void start(net::Loop& loop, const JudgeUrl& url, std::uint32_t deadline_ms) {
    loop.timers().arm(timer_, deadline_ms);
    call_.start({.head = head_of(url, body_.size()), .body = body_});
  }
  // Nobody wants to know any more.
  void leave() {
    desk_ = nullptr;
    end();
  }
  const JudgeAnswer* answer() const { return answer_ ? &*answer_ : nullptr; }

 private:
  void on_answer_head(const http::ResponseHead& head) override {
    good_ = head.status >= 200 && head.status < 300;
  }
  void on_answer_body(std::string_view bytes) override {
    if (text_.size() + bytes.size() > kAnswerBytesMax) {
      good_ = false;
    } else {
      text_ += bytes;
    }
  }
  void on_answer_end() override { settle(good_ ? read_answer(std::move(text_)) : JudgeAnswer{}); }
  void on_call_failed(upstream::CallFault) override { settle({}); }
  void on_timer(net::Timer&) override {
    call_.cancel();
    settle({});
  }

  void end() {
    timer_.cancel();
    call_.cancel();
  }
  void settle(JudgeAnswer answer) {
    if (answer_) return;
    answer_ = std::move(answer);
    timer_.cancel();
    if (desk_ != nullptr) desk_->answered();
  }

  JudgeCalls* desk_;
  const std::shared_ptr<Upstream> upstream_;
  const std::string body_;
  upstream::Call call_;
  net::Timer timer_{*this};
  bool good_ = false;
  std::string text_;
  std::optional<JudgeAnswer> answer_;
};

JudgeCalls::JudgeCalls(Worker& worker, std::function<void()> ready)
    : worker_(worker), ready_(std::move(ready)) {}

// One of them may be on the call stack: it has answered, and what followed ended the exchange.
JudgeCalls::~JudgeCalls() {
  for (auto& [id, asked] : asked_) {
    asked->leave();
    worker_.loop().retire(std::move(asked));
  }
}

const JudgeAnswer* JudgeCalls::ask(const JudgeQuestion& question) {
  const auto found = asked_.find(question.id);
  if (found != asked_.end()) return found->second->answer();
  static const JudgeAnswer kNone;
  JudgeUrl url;
  if (!policy::read_judge_url(question.policy->url, url)) return &kNone;
  auto asked = std::make_unique<Asked>(*this, worker_.upstreams().judge(url), question);
  Asked& one = *asked;
  asked_.emplace(question.id, std::move(asked));
  ++open_;
  asking_ = true;
  one.start(worker_.loop(), url, question.policy->deadline_ms);
  asking_ = false;
  return one.answer();
}

void JudgeCalls::answered() {
  --open_;
  if (asking_ || open_ != 0) return;
  const auto ready = ready_;  // which may destroy this
  ready();
}

}  // namespace capsem::proxy
