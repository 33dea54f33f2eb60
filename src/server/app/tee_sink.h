// Records go to the log and to the audit. The line is made once; who waits, waits for the audit.
//
// Thread-safe, as both are.
#pragma once

#include <string>
#include <utility>

#include "core/audit/record.h"
#include "server/app/log_sink.h"
#include "server/store/audit_writer.h"

namespace capsem::app {

class TeeSink final : public audit::Sink {
 public:
  // `audit` may be nullptr: the log alone. Both outlive the sink.
  TeeSink(LogSink& log, store::AuditWriter* audit) : log_(log), audit_(audit) {}

  using audit::Sink::write;
  void write(const audit::Record& record, Written written) override {
    if (audit_ == nullptr) return log_.write(record, std::move(written));
    std::string line = audit::to_json_line(record);
    log_.write_line(record, line);
    audit_->write(record, std::move(line), std::move(written));
  }
  bool available() const override { return audit_ == nullptr || audit_->available(); }

 private:
  LogSink& log_;
  store::AuditWriter* const audit_;
};

}  // namespace capsem::app
