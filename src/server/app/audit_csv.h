// Records of the audit as a table for spreadsheets.
#pragma once

#include <string>

#include "core/wire/json.h"
#include "server/store/audit_query.h"

namespace capsem::app {

class AuditCsv {
 public:
  static std::string head();  // the columns' names, with the line end
  // One line, ended. Every value is quoted, and one that a spreadsheet would take for a formula
  // begins with an apostrophe.
  std::string line(const store::AuditRow& row);

 private:
  wire::JsonReader json_;
  std::string padded_;
};

}  // namespace capsem::app
