#include "core/engine/stream_inspector.h"

#include <algorithm>

namespace capsem::engine {
namespace {

bool repeats_texts(codec::Dialect dialect) {
  return dialect == codec::Dialect::OpenAiResponses ||
         dialect == codec::Dialect::GeminiInteractions;
}

bool blank(std::string_view bytes) {
  return bytes.find_first_not_of("\r\n \t") == std::string_view::npos;
}

// `event:` names that the protocols use. Anything else is text like any other.
bool protocol_event_name(std::string_view name) {
  constexpr std::string_view kFamilies[] = {"response.",    "message_",  "content_block_",
                                            "interaction.", "step.",     "ping",
                                            "error",        "completion"};
  if (name.empty()) return true;
  return name.size() <= 64 && std::ranges::any_of(kFamilies, [name](std::string_view family) {
           return name.starts_with(family);
         });
}

}  // namespace

StreamInspector::StreamInspector(const Context& context, codec::Framing framing)
    : context_(context),
      framing_(framing),
      sse_(context.settings.limits.event_bytes_max),
      array_(context.settings.limits.event_bytes_max),
      lanes_(context.hearing, context.units, context.workspace.fingerprint_key,
             repeats_texts(context.codec.dialect())),
      gates_(context.hearing, context.units, context.settings.confirm_allows) {}

bool StreamInspector::feed(std::string_view bytes, std::string& out) {
  total_bytes_ += bytes.size();
  Status status;
  if (total_bytes_ > context_.settings.limits.stream_bytes_max) {
    status = upstream_error("limit_stream_total", "the stream passed stream_bytes_max");
  } else if (framing_ == codec::Framing::Sse) {
    status = sse_.feed(bytes, *this);
  } else {
    status = array_.feed(bytes, *this);
  }
  return hand_out(status, out);
}

bool StreamInspector::finish(std::string& out) {
  Status status = finish_framing();
  if (status) status = lanes_.end_all(context_.scratch);
  if (status) {
    gates_.end_all();
    blocked_ = blocked_by_news();
    release();
    if (!blocked_ && !queue_.empty()) {
      status = gateway_error("inspection_failed", "a text was left undecided");
    }
  }
  return hand_out(status, out);
}

Status StreamInspector::finish_framing() {
  if (framing_ == codec::Framing::Sse) return sse_.finish(*this);
  const Result<std::string_view> closing = array_.finish();
  if (!closing) return std::unexpected(closing.error());
  queue_.push(*closing, {});
  return {};
}

// Gives out what may leave, whether the stream goes on or not. True: it goes on.
bool StreamInspector::hand_out(const Status& status, std::string& out) {
  if (!status && !blocked_) {
    failed_ = true;
    error_ = status.error();
  }
  if (!holds_all()) release_rest(out);
  return !blocked_ && !failed_;
}

void StreamInspector::release_rest(std::string& out) {
  if (ready_.empty()) return;
  any_left_ = true;
  out += ready_;
  ready_.clear();
}

Status StreamInspector::on_event(const wire::SseEvent& event) {
  needs_.clear();
  if (Status s = read_outside_data(event); !s) return s;
  if (event.data == "[DONE]") {
    if (Status s = lanes_.end_all(context_.scratch); !s) return s;
    gates_.end_all();
  } else if (event.has_data && !event.data.empty()) {
    ++data_events_;
    if (Status s = read(event.name, event.data); !s) return s;
  }
  return settle_event(event.raw);
}

Status StreamInspector::on_element(const wire::JsonElement& element) {
  needs_.clear();
  ++data_events_;
  if (Status s = read({}, element.data); !s) return s;
  return settle_event(element.raw);
}

Status StreamInspector::read(std::string_view name, std::string_view data) {
  if (Status s = context_.workspace.json.parse(data); !s) {
    return upstream_error("inspection_failed", "a stream event is not strict JSON");
  }
  text_status_ = {};
  if (Status s = context_.codec.read_event(name, context_.workspace.json, context_.facts, *this);
      !s) {
    return s;
  }
  return text_status_;
}

// Whatever an event carries beside its data (comments, ids, unknown fields, odd names) is text that
// reaches the client, too. Protocol events carry nothing there, so this is rarely taken.
Status StreamInspector::read_outside_data(const wire::SseEvent& event) {
  constexpr std::size_t kFieldBytes = sizeof("event: ") + sizeof("data: ") + 4;  // and line ends
  const std::size_t known = event.data.size() + event.name.size() + kFieldBytes;
  if (event.raw.size() <= known && protocol_event_name(event.name)) {
    if (event.has_data || blank(event.raw)) return {};
  }
  event::Text text;
  text.point = event::Point::ModelOutput;
  text.repeat = event.has_data;
  text.unit = hash_bytes("outside data");
  text.text = event.raw;
  text_status_ = {};
  on_text(text);
  return text_status_;
}

void StreamInspector::on_text(const event::Text& text) {
  if (!text_status_) return;
  const Result<StreamLanes::Fed> fed = lanes_.feed(text, context_.scratch);
  if (!fed) {
    text_status_ = std::unexpected(fed.error());
    return;
  }
  if (fed->looked) context_.ledger.count(text.point, text.text.size());
  if (fed->lane != StreamLanes::kNone) needs_.push_back({fed->lane, fed->until});
  const Result<std::uint32_t> gate = gates_.feed(text, fed->unit);
  if (!gate) {
    text_status_ = std::unexpected(gate.error());
  } else if (*gate != CallGates::kNone) {
    needs_.push_back({*gate, HoldQueue::kCall});
  }
}

void StreamInspector::on_scope_end(std::uint64_t scope) {
  if (!text_status_) return;
  text_status_ = lanes_.end_scope(scope, context_.scratch);
  gates_.end_scope(scope);
}

void StreamInspector::on_unchecked(std::string_view surface, std::string_view reason) {
  context_.ledger.unchecked(surface, reason);
}

// All texts of the event that stands in `raw` have been fed: judge, then let go what is cleared.
Status StreamInspector::settle_event(std::string_view raw) {
  if (Status s = lanes_.end_event(context_.scratch); !s) return s;
  blocked_ = blocked_by_news();
  release();
  const auto clear = [this](const HoldQueue::Need& need) { return cleared(need); };
  if (lanes_.event_forbidden()) {
    // Not even its clean parts: the event is one piece.
  } else if (queue_.empty() && std::ranges::all_of(needs_, clear)) {
    ready_ += raw;  // the common case: nothing is held, and nothing needs to be
    ++released_events_;
  } else {
    queue_.push(raw, needs_);
  }
  if (blocked_) return gateway_error("request_blocked", "a policy forbids what follows");
  return check_held();
}

void StreamInspector::release() {
  released_events_ +=
      queue_.release([this](const HoldQueue::Need& need) { return cleared(need); }, ready_);
}

bool StreamInspector::cleared(const HoldQueue::Need& need) const {
  return need.until == HoldQueue::kCall ? gates_.open(need.lane)
                                        : lanes_.cleared(need.lane, need.until);
}

Status StreamInspector::check_held() const {
  const bool hold_all = holds_all();
  const std::size_t held = held_bytes();
  const std::size_t held_max = hold_all ? context_.settings.limits.answer_bytes_max
                                        : context_.settings.limits.held_bytes_max;
  if (held > held_max) {
    return gateway_error("hold_too_large", "undecided stream bytes passed their limit");
  }
  return {};
}

// Asks the policies about hits that are new. Their verdict alone is enough: a policy never turns
// milder because of further hits.
bool StreamInspector::blocked_by_news() {
  bool blocked = gates_.settle();
  if (lanes_.news().empty()) return blocked;
  std::vector<policy::Decision> decisions;
  for (const StreamLanes::News& news : lanes_.news()) {
    decisions.clear();
    context_.units.judge_hit(news.unit, news.hit, context_.hearing, decisions);
    if (settling(decisions, context_.settings.confirm_allows) == nullptr) continue;
    lanes_.forbid(news);
    blocked = true;
  }
  lanes_.clear_news();
  return blocked;
}

void StreamInspector::write_end(std::string_view message, std::string_view code,
                                std::string& out) const {
  context_.codec.write_stream_error(message, code, framing_, released_events_ == 0,
                                    released_events_, out);
}

}  // namespace capsem::engine
