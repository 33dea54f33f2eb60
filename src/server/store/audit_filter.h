// Whether a record is what a filter asks for.
#pragma once

#include <string>
#include <vector>

#include "core/wire/json.h"
#include "server/store/audit_query.h"

namespace capsem::store {

class AuditMatcher {
 public:
  explicit AuditMatcher(const AuditFilter& filter);

  bool matches(const AuditRow& row);

 private:
  bool line_matches(const std::string& line);
  bool member_is(std::string_view name, std::string_view wanted) const;

  const AuditFilter& filter_;
  std::string verdict_;               // in capitals
  std::vector<std::string> needles_;  // what a line has to hold to be worth reading
  wire::JsonReader json_;
  std::string padded_;
};

}  // namespace capsem::store
