#include "core/detect/kinds.h"

#include <string>

namespace capsem::detect {

KindOptions every_kind(std::span<const Kind> kinds, Catalog& catalog, float score_min) {
  KindOptions options{.rules = {}, .score_min = score_min};
  options.rules.reserve(kinds.size());
  for (const Kind& kind : kinds) {
    options.rules.push_back(catalog.add_rule(std::string(kind.name)));
  }
  return options;
}

}  // namespace capsem::detect
