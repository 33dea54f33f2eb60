// Records go to the log and to the audit. The line is made once; who waits, waits for the audit.
//
// Thread-safe, as both are.
#pragma once

#include <utility>

#include "core/audit/record.h"
#include "server/app/log_sink.h"

namespace capsem::app {

class TeeSink final : public audit::Sink {
 public:
  // `audit` may be nullptr: the log alone. Both outlive the sink.
  TeeSink(LogSink& log, audit::Sink* audit) : log_(log), audit_(audit) {}

  using audit::Sink::write;
  void write(const audit::Record& record, Written written) override {
    if (audit_ == nullptr) return log_.write(record, std::move(written));
    log_.write(record);
    audit_->write(record, std::move(written));
  }
  bool available() const override { return audit_ == nullptr || audit_->available(); }

 private:
  LogSink& log_;
  audit::Sink* const audit_;
};

}  // namespace capsem::app
