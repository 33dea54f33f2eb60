// What an exchange leaves for the audit.
#include <utility>

#include "core/engine/exchange_impl.h"

namespace capsem::engine {

audit::Record Exchange::take_record() {
  Impl& x = *impl_;
  x.release_unserved();
  audit::Record record;
  record.dialect = codec::to_string(x.route.dialect);
  record.model = x.facts.model.empty() ? std::string(x.subject.model) : std::move(x.facts.model);
  record.stream = x.facts.stream || x.route.stream_by_path;
  record.revision = x.snapshot->revision();
  record.verdict = x.verdict;
  record.decisions = std::move(x.decisions);
  record.trace = std::move(x.trace);
  record.replaced = x.replaced;
  record.decided_by = std::move(x.decided_by);
  record.error_code = std::move(x.error_code);
  record.inspected = x.ledger.inspected;
  record.request_inspected = x.request_inspected;
  record.answer_inspected = x.answer_inspected;
  record.not_checked = std::move(x.ledger.not_checked);
  // Unlike a root route, an integration is judged by what is bound to it alone (R39).
  if (!x.subject.integration_id.empty() && x.hearing.opened() && !x.hearing.judged_by_files()) {
    record.not_checked.push_back({"request", "no policy is bound"});
  }
  record.usage = x.answer_facts.usage;
  if (const auto price = x.snapshot->prices().price_of(record.model);
      price && record.usage.known) {
    record.cost_nano =
        limit::cost_nano(*price, record.usage.input_tokens, record.usage.output_tokens);
  }
  record.evaluated = x.request_judged || x.answer_judged;
  record.texts = kept_texts();
  record.finish_reason = std::move(x.answer_facts.finish_reason);
  return record;
}

}  // namespace capsem::engine
