#include "server/proxy/relay_record.h"

namespace capsem::proxy {
namespace {

void fill_names(audit::Record& record, const Exchanged& exchanged) {
  const Caller& caller = exchanged.caller;
  if (record.model.empty()) record.model = exchanged.route.model;
  record.request_id = exchanged.request_id;
  record.run_id = exchanged.run_id;
  record.review_id = exchanged.review_id;
  record.user_id = caller.user_id;
  record.method = exchanged.head.method;
  record.path = exchanged.public_path;
  record.provider = to_string(exchanged.route.provider);
  record.agent = caller.agent;
  record.tenant = caller.tenant();
  record.integration = caller.integration_id();
  record.key_id = caller.key_id();
  record.content = exchanged.content;
  if (exchanged.route.action == Action::Through) {
    record.not_checked.push_back({"request", "relayed unread"});
  }
}

}  // namespace

void fill_record(audit::Record& record, const Exchanged& exchanged, const Passage& passage,
                 const Ending& ending, const upstream::Call* call) {
  fill_names(record, exchanged);
  if (record.error_code.empty()) record.error_code = ending.code;
  record.status = ending.status;
  record.upstream_status = passage.upstream_status;
  record.outcome = ending.outcome;
  record.request_bytes = passage.request_bytes;
  record.response_bytes = ending.response_bytes;
  record.started_wall_ms = passage.began_wall_ms;
  record.duration_us = (ending.end_ns - passage.began_ns) / 1'000;
  record.upstream_us = passage.call_ns != 0 && call != nullptr
                           ? (passage.last_byte_ns - passage.call_ns) / 1'000
                           : 0;
  record.inspection_us = passage.inspection_ns / 1'000;
  record.first_byte_us =
      passage.first_byte_ns == 0 ? 0 : (passage.first_byte_ns - passage.began_ns) / 1'000;
}

audit::Record opening_record(const Exchanged& exchanged, const Passage& passage,
                             const engine::Exchange* exchange) {
  audit::Record record;
  record.kind = audit::RecordKind::Opening;
  if (exchange != nullptr) {
    record.evaluated = !exchanged.route.profile.unread;
    record.model = exchange->facts().model;
    record.stream = exchange->wants_stream();
    record.revision = exchange->snapshot().revision();
    record.verdict = exchange->verdict();
    const auto decisions = exchange->decisions();
    record.decisions.assign(decisions.begin(), decisions.end());
  }
  fill_names(record, exchanged);
  record.outcome = "opening";
  record.request_bytes = passage.request_bytes;
  record.started_wall_ms = passage.began_wall_ms;
  record.inspection_us = passage.inspection_ns / 1'000;
  return record;
}

void count(MetricShard& metrics, const audit::Record& record, const Exchanged& exchanged,
           const Passage& passage, const Ending& ending, const upstream::Call* call) {
  ProviderMetrics& provider = metrics.providers[static_cast<std::size_t>(exchanged.route.provider)];
  const auto status_class = static_cast<std::size_t>(ending.status / 100);
  if (status_class < provider.status.size()) provider.status[status_class].add();
  provider.duration_ms.observe(static_cast<std::uint64_t>(record.duration_us / 1'000),
                               kDurationBoundsMs);
  if (passage.first_byte_ns != 0 && passage.streams) {
    provider.first_token_ms.observe(static_cast<std::uint64_t>(record.first_byte_us / 1'000),
                                    kDurationBoundsMs);
  }
  if (record.usage.known) {
    provider.input_tokens.observe(record.usage.input_tokens, kTokenBounds);
    provider.output_tokens.observe(record.usage.output_tokens, kTokenBounds);
  }
  if (call != nullptr) {
    if (call->contacted()) {
      (call->reused_connection() ? provider.upstream_reuses : provider.upstream_connects).add();
    }
    provider.upstream_retries.add(call->retries());
  }
  // From the request's last byte to the provider, and from the answer's last byte to the client.
  const std::int64_t ready_ns =
      passage.request_end_ns == 0 ? passage.began_ns : passage.request_end_ns;
  const std::int64_t own_ns =
      call != nullptr ? (passage.call_ns - ready_ns) + (ending.end_ns - passage.last_byte_ns)
                      : ending.end_ns - ready_ns;
  metrics.overhead_us.observe(static_cast<std::uint64_t>(own_ns / 1'000), kOverheadBoundsUs);
  metrics.inspection_us.observe(static_cast<std::uint64_t>(record.inspection_us),
                                kOverheadBoundsUs);
  for (std::size_t i = 0; i < record.inspected.size(); ++i) {
    metrics.inspected_bytes[i].add(record.inspected[i].bytes);
  }
  for (const policy::Decision& decision : record.decisions) {
    metrics
        .verdicts[static_cast<std::size_t>(decision.point)]
                 [static_cast<std::size_t>(decision.verdict)]
        .add();
  }
  if (record.error_code == "inspection_failed") metrics.inspection_failed.add();
  if (passage.counted_stream) metrics.streams_open.sub();
}

}  // namespace capsem::proxy
