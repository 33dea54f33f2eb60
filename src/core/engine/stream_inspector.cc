#include "core/engine/stream_inspector.h"

#include <algorithm>

#include "core/limit/estimate.h"

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
      lanes_(context.hearing, context.units,
             {.fingerprint_key = context.workspace.fingerprint_key,
              .fingerprints = repeats_texts(context.codec.dialect()),
              .value_key = context.value_key,
              .rewrites = context.redactor != nullptr,
              .restored = context.redactor != nullptr && context.redactor->restores()
                              ? context.redactor
                              : nullptr}),
      gates_(context.hearing, context.units, confirm_can_wait()) {
  if (context.redactor != nullptr) rewriter_.emplace(lanes_, framing);
}

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
  if (rewriter_) {
    rewriter_->begin_event();
    rewriter_->keep();
  }
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
  if (rewriter_) rewriter_->begin_event();
  usage_trace_ = {};
  if (Status s = read_outside_data(event); !s) return s;
  if (event.data == "[DONE]") {
    if (Status s = lanes_.end_all(context_.scratch); !s) return s;
    gates_.end_all();
  } else if (event.has_data && !event.data.empty()) {
    ++data_events_;
    if (Status s = read(event.name, event.data); !s) return s;
  }
  return settle_event(event.raw, event.data);
}

Status StreamInspector::on_element(const wire::JsonElement& element) {
  needs_.clear();
  if (rewriter_) rewriter_->begin_event();
  ++data_events_;
  if (Status s = read({}, element.data); !s) return s;
  return settle_event(element.raw, element.data);
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
  if (rewriter_) rewriter_->note_logprobs(context_.workspace.json);
  if (context_.hides_usage) usage_trace_ = context_.codec.usage_trace(context_.workspace.json);
  check_budget();
  return text_status_;
}

// R63: what the model has said is watched while it speaks. The provider's own count, when an event
// brings one, is taken as it is; between counts the bytes of the texts are an estimate.
void StreamInspector::check_budget() {
  if (over_budget_ || !context_.holding.counts_usage()) return;
  constexpr std::uint64_t kStepTokens = 8;
  const event::Usage& told = context_.facts.usage;
  limit::Usage now{.input_tokens = limit::tokens_from_bytes(context_.input_bytes),
                   .output_tokens = limit::tokens_from_bytes(output_bytes_)};
  if (told.known && told.input_tokens != 0) now.input_tokens = told.input_tokens;
  const bool fresh = told.known && told.total_tokens != told_tokens_;
  if (fresh) {
    told_tokens_ = told.total_tokens;
    now = {.input_tokens = told.input_tokens,
           .output_tokens = told.output_tokens,
           .total_tokens = told.total_tokens};
  } else if (now.output_tokens < watched_tokens_ + kStepTokens) {
    return;
  }
  watched_tokens_ = now.output_tokens;
  over_budget_ = context_.holding.spent_so_far(now);
  if (over_budget_ && over_budget_->overrun == limit::Overrun::Deliver) over_budget_.reset();
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
  text.form = event::Form::Derived;
  text.unit = hash_bytes("outside data");
  text.text = event.raw;
  text_status_ = {};
  on_text(text);
  return text_status_;
}

void StreamInspector::on_text(const event::Text& text) {
  if (!text_status_) return;
  if (!text.repeat) output_bytes_ += text.text.size();
  const Result<StreamLanes::Fed> fed = lanes_.feed(text, context_.scratch);
  if (!fed) {
    text_status_ = std::unexpected(fed.error());
    return;
  }
  if (fed->looked) context_.ledger.count(text.point, text.text.size());
  if (fed->lane != StreamLanes::kNone) needs_.push_back({fed->lane, fed->until});
  if (rewriter_) rewriter_->note(text, *fed);
  wait_for_call(text, fed->unit);
}

void StreamInspector::on_call_mention(const event::Text& text) {
  if (!text_status_ || !context_.hearing.judges_calls()) return;
  wait_for_call(text, context_.units.unit_of(text));
}

void StreamInspector::wait_for_call(const event::Text& text, std::uint32_t unit) {
  const Result<std::uint32_t> gate = gates_.feed(text, unit);
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
Status StreamInspector::settle_event(std::string_view raw, std::string_view data) {
  if (Status s = lanes_.end_event(context_.scratch); !s) return s;
  blocked_ = blocked_by_news() || over_budget_;
  if (rewriter_) rewriter_->end_event(raw, data, usage_trace_.member);
  release();
  const auto clear = [this](const HoldQueue::Need& need) { return cleared(need); };
  if (lanes_.event_forbidden() || over_budget_ || usage_trace_.whole_event) {
    // Not even its clean parts: the event is one piece.
  } else if (queue_.empty() && std::ranges::all_of(needs_, clear)) {
    let_go(raw, data);  // the common case: nothing is held, and nothing needs to be
  } else {
    queue_.push(rewriter_ ? raw : without_usage(raw, data), needs_);
    if (rewriter_) rewriter_->keep();
    if (context_.hearing.replaces_calls()) held_data_.emplace_back(data);
  }
  if (blocked_) return gateway_error("request_blocked", "a policy forbids what follows");
  return check_held();
}

void StreamInspector::let_go(std::string_view raw, std::string_view data) {
  if (rewriter_) {
    rewriter_->write(raw, ready_);
  } else {
    ready_ += without_usage(raw, data);
  }
  ++released_events_;
  if (!context_.hearing.replaces_calls()) return;
  held_data_.emplace_back(data);
  track_released(1);
}

void StreamInspector::release() {
  const std::size_t events =
      queue_.release([this](const HoldQueue::Need& need) { return cleared(need); },
                     [this](std::string_view event) {
                       if (rewriter_) {
                         rewriter_->write_kept(event, ready_);
                       } else {
                         ready_ += event;
                       }
                     });
  released_events_ += events;
  if (context_.hearing.replaces_calls()) track_released(events);
}

// What has left is read once more, so that a text can be put in its place later.
void StreamInspector::track_released(std::size_t events) {
  for (; events > 0 && !held_data_.empty(); --events) {
    std::string& data = held_data_.front();
    data.reserve(data.size() + wire::JsonReader::kPadding);
    if (context_.workspace.schema.parse(data)) {
      context_.codec.track(context_.workspace.schema, true, position_);
    }
    held_data_.pop_front();
  }
}

bool StreamInspector::write_replacement(std::string_view text, std::string& out) {
  for (std::string& data : held_data_) {
    data.reserve(data.size() + wire::JsonReader::kPadding);
    if (context_.workspace.schema.parse(data)) {
      context_.codec.track(context_.workspace.schema, false, position_);
    }
  }
  held_data_.clear();
  return context_.codec.write_stream_replacement(text, position_, framing_, out);
}

// The event as it would have come, had usage not been asked for (R64).
std::string_view StreamInspector::without_usage(std::string_view raw, std::string_view data) {
  const auto [begin, end] = usage_trace_.member;
  if (begin == end) return raw;
  const auto at = raw.find(data);
  if (at == std::string_view::npos) return raw;  // data over several lines: left as it is
  edited_.assign(raw.substr(0, at + begin));
  edited_ += raw.substr(at + end);
  return edited_;
}

bool StreamInspector::cleared(const HoldQueue::Need& need) const {
  return need.until == HoldQueue::kCall ? gates_.open(need.lane)
                                        : lanes_.cleared(need.lane, need.until);
}

Status StreamInspector::check_held() const {
  const bool hold_all = holds_all();
  // What is decided leaves with this feed(), however much came at once; unless all is held.
  const std::size_t held = hold_all ? held_bytes() : queue_.bytes();
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
    const bool forbidden = settling(decisions, confirm_can_wait()) != nullptr;
    if (forbidden) lanes_.forbid(news);
    blocked |= forbidden;
    if (rewriter_) redact(news, forbidden);
  }
  lanes_.clear_news();
  return blocked;
}

void StreamInspector::redact(const StreamLanes::News& news, bool forbidden) {
  if (forbidden && !context_.units.keeps_texts()) return;
  const auto order = context_.hearing.redaction_of(context_.units.unit(news.unit), news.hit);
  if (!order) return;
  std::string text = context_.redactor->name(*order, news.hit.value);
  if (context_.units.keeps_texts()) lanes_.redact_in_record(news, text);
  if (!forbidden && !news.hit.fixed) lanes_.redact(news, std::move(text));
}

// A stream that was stopped has texts whose end nobody has waited for.
bool StreamInspector::redact_kept_texts() {
  if (failed_) return false;
  if (!rewriter_ || !context_.units.keeps_texts()) return true;
  if (!lanes_.end_all(context_.scratch)) return false;
  for (const StreamLanes::News& news : lanes_.news()) redact(news, true);
  lanes_.clear_news();
  context_.units.redact_kept_texts(
      [this](std::uint32_t place) { return lanes_.redactions_in_record(place); });
  return true;
}

void StreamInspector::write_end(std::string_view message, std::string_view code,
                                std::string& out) const {
  context_.codec.write_stream_error(message, code, framing_, released_events_ == 0,
                                    released_events_, out);
}

}  // namespace capsem::engine
