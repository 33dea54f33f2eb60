// What a person may release, and what a person is shown.
#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/sha256.h"
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
  if (!impl_->digest_before.empty()) return impl_->digest_before;
  std::string text = policy::canonical_json(impl_->request, impl_->workspace.schema, "stream");
  return impl_->request_edits.empty() ? text : sha256_hex(text);
}

void Exchange::keep_texts(std::size_t bytes_max) {
  impl_->texts_bytes_max = bytes_max;
}

std::vector<audit::KeptText> Exchange::kept_texts() const {
  Impl& x = *impl_;
  std::vector<audit::KeptText> texts;
  const auto add = [&texts](const UnitBook& units) {
    std::ranges::move(units.kept_texts(), std::back_inserter(texts));
  };
  if (!x.hearing.redacts(Phase::Request) || x.request_redacted) add(x.request_units);
  if (!x.hearing.redacts(Phase::Response) ||
      (x.stream ? x.stream->redact_kept_texts() : x.answer_redacted)) {
    add(x.answer_units);
  }
  return texts;
}

}  // namespace capsem::engine
