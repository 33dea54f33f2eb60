// What a person may release, and what a person is shown.
#include <utility>

#include "core/engine/exchange_impl.h"
#include "core/policy/pins.h"

namespace capsem::engine {

using event::Phase;
using policy::Verdict;

bool Exchange::wants_approval() const {
  return impl_->held.has_value();
}

Step Exchange::grant(std::string& out) {
  Impl& x = *impl_;
  const Phase phase = x.held.value_or(Phase::Request);
  for (policy::Decision& decision : x.decisions) {
    if (decision.phase == phase && decision.enforced && decision.verdict == Verdict::Confirm) {
      decision.granted = true;
    }
  }
  const bool whole = phase == Phase::Request || !withheld_answer().empty();
  if (phase == Phase::Request) {
    x.denial = {};
    x.decided_by.clear();
    return x.forward();
  }
  if (!whole) return Step::Deny;
  x.denial = {};
  x.decided_by.clear();
  if (x.settle() == Step::Deny) return Step::Deny;
  if (x.stream) {
    x.stream->release_rest(out);
  } else {
    x.give_body(out);
  }
  return Step::Done;
}

void Exchange::release_rules(std::vector<ReleasedRule> rules) {
  impl_->answer_units.release(std::move(rules));
}

std::string_view Exchange::withheld_answer() const {
  const Impl& x = *impl_;
  if (x.held != Phase::Response) return {};
  if (!x.stream) return x.answer;
  if (!x.stream_ended.value_or(false) || x.stream->any_left()) return {};
  return x.stream->ready();
}

std::string Exchange::request_digest_text() const {
  return policy::canonical_json(impl_->request, impl_->workspace.schema, "stream");
}

void Exchange::keep_texts(std::size_t bytes_max) {
  impl_->texts_bytes_max = bytes_max;
}

std::vector<audit::KeptText> Exchange::kept_texts() const {
  std::vector<audit::KeptText> texts = impl_->request_units.kept_texts();
  for (audit::KeptText& text : impl_->answer_units.kept_texts()) texts.push_back(std::move(text));
  return texts;
}

}  // namespace capsem::engine
