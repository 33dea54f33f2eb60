// What an Exchange is made of; for exchange*.cc alone. See exchange.h.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/engine/body_inspector.h"
#include "core/engine/exchange.h"
#include "core/engine/ledger.h"
#include "core/engine/redactor.h"
#include "core/engine/stream_inspector.h"
#include "core/engine/units.h"
#include "core/limit/ledger.h"

namespace capsem::engine {

struct Exchange::Impl {
  Impl(const RouteProfile& route_in, std::shared_ptr<const policy::Snapshot> snapshot_in,
       const EngineSettings& settings_in, Workspace& workspace_in,
       const policy::Subject& subject_in, const Services& services_in, bool explain_in)
      : route(route_in),
        codec(codec::codec_for(route_in.dialect)),
        snapshot(std::move(snapshot_in)),
        settings(settings_in),
        workspace(workspace_in),
        services(services_in),
        scratch(workspace_in.scratch_for(snapshot)),
        subject(subject_in),
        hearing(snapshot, workspace_in.ids, services_in.pins),
        explain(explain_in) {}
  ~Impl() { release_unserved(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  const RouteProfile route;
  const codec::Codec& codec;
  const std::shared_ptr<const policy::Snapshot> snapshot;
  const EngineSettings& settings;
  Workspace& workspace;
  const Services services;
  detect::CatalogScratch& scratch;

  policy::Subject subject;
  std::string model;  // what subject.model views, where the body names it
  policy::Hearing hearing;
  const bool explain;
  policy::Trace trace;

  // Limits. What was asked and is not put to use yet, because another call of the same step waits.
  using Take = std::expected<limit::Holding, limit::Refusal>;
  std::optional<Take> taken, shadow_taken;
  limit::Holding holding, shadow_holding;
  bool settled = false, shadow_settled = false;
  limit::Standing standing;
  std::uint64_t answer_bytes = 0;  // of unstreamed answers, for what reports no usage
  bool hides_usage = false;        // usage was asked for on the client's behalf (R64)
  bool replaced = false;           // a refused call was replaced by a text (R84)

  std::string request;  // with JsonReader::kPadding spare bytes reserved behind it
  event::RequestFacts facts;
  UnitBook request_units{event::Phase::Request};
  bool request_inspected = false, request_judged = false, answer_judged = false;
  bool refused_early = false;                      // denied before the provider was called
  std::optional<BodyInspector> request_inspector;  // of the request; fills the workspace's buffers
  // While shared limits are asked: what was read, out of the other exchanges' way.
  bool waits = false;
  bool judges_wait = false;  // everything else is judged, and judge services are asked
  BodyBuffers parked_body;
  // What is redacted, in what became of it in the request, and put back in the answer.
  Secret redaction_key;
  std::optional<Redactor> redactor;  // none: nothing can be
  std::vector<codec::BodyEdit> request_edits, answer_edits;
  // All that has to be is redacted in what is kept of these texts.
  bool request_redacted = false, answer_redacted = false;
  std::string digest_before;                  // of a request that was edited, as it came (R50)
  std::optional<codec::BodyEdit> usage_edit;  // R64: found while the body is read, made at its end

  std::string answer;  // of an unstreamed answer
  bool answer_ok = true, opaque = false;
  bool answer_inspected = false;
  bool answer_read = false;  // and scanned
  event::ResponseFacts answer_facts;
  UnitBook answer_units{event::Phase::Response};
  std::optional<StreamInspector> stream;
  std::optional<bool> stream_ended;  // finish() was called, and said this

  std::size_t texts_bytes_max = 0;
  InspectionLedger ledger;
  std::vector<policy::Decision> decisions;
  std::string decided_by, error_code;
  policy::Verdict verdict = policy::Verdict::Allow;
  Denial denial;
  std::optional<event::Phase> held;  // the last Deny wants approval, in this phase

  Step deny(const Error& error, event::Phase phase);
  Step deny(const policy::Decision& decision);
  Step settle();
  void open_hearing();
  // Of the digests by which values are told apart.
  std::uint64_t value_key() const {
    return redactor ? redactor->value_key() : workspace.fingerprint_key;
  }
  const Redactor* restored() const {
    return redactor && redactor->restores() ? &*redactor : nullptr;
  }
  // Who rewrites the events of a streamed answer: nobody, where nothing in them can be.
  Redactor* stream_redactor() {
    return restored() != nullptr || hearing.redacts(event::Phase::Response) ? &*redactor : nullptr;
  }
  Status splice(std::string& text, std::vector<codec::BodyEdit>& edits);

  // exchange_request.cc
  Status read_request();
  Status read_facts();
  Status judge_request();
  Status redact_request();
  Status check_counts() const;
  enum class Admission : std::uint8_t { Yes, No, Waiting };
  Admission ask_limits();
  void refuse_by_limit(const limit::Refusal& refusal);
  Status go_on_if(Admission admission);
  Status resume_request();
  void ask_for_usage();
  void release_unserved();
  Step forward();

  // exchange_answer.cc
  void keep_answer_texts();
  limit::Usage usage_now(bool whole) const;
  bool settle_usage(bool whole);
  void tell_overrun(const limit::Refusal& refusal);
  bool replaces() const;
  Status read_answer();
  Status scan(BodyInspector& inspector);
  Status forgive(detect::DetectorMask failed, event::Phase phase);
  Status forgive(policy::OnError wanted, event::Phase phase, std::string_view what);
  Status scan_plain(std::string_view text);
  void judge_answer(bool finished);

  // exchange_judges.cc
  Status hear_judges(event::Phase phase);
  Step end_body(std::string& out);
  void give_body(std::string& out);
  bool replace_body(bool again, std::string& out);
  Step end_stream(std::string& out);
  Step stop_stream(std::string& out);
  Step refuse_stream(std::string& out);
};

}  // namespace capsem::engine
