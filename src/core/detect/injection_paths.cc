// Files that hold what nobody's tool needs: keys, credentials, accounts, a client's own settings.
#include "core/detect/injection_scan.h"

namespace capsem::detect::injection {

void match_paths(Ahead& text, std::size_t p, Hits& hits) {
  struct Path {
    char before;  // what stands directly before; NUL: anything
    std::string_view rest;
    float score;
  };
  static constexpr Path paths[] = {
      {'.', "ssh/id_", 0.55F},   {'.', "ssh/authorized_keys", 0.5F}, {'/', "etc/shadow", 0.55F},
      {'/', "etc/passwd", 0.5F}, {'.', "aws/credentials", 0.55F},    {'\0', "mcp.json", 0.5F},
      {'.', "ssh/config", 0.5F}, {'.', "kube/config", 0.5F}};
  for (const Path& path : paths) {
    if (path.before != '\0' && text.before(p, 1) != path.before) continue;
    if (!text.has(p, path.rest)) continue;
    std::size_t end = p + path.rest.size();
    if (path.rest.back() == '_') {
      while (is_alnum(text.at(end))) ++end;
    } else if (is_alnum(text.at(end))) {
      continue;
    }
    hits.add(Sign::SensitivePath, path.score, end);
  }
}

}  // namespace capsem::detect::injection
