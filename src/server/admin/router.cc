#include "server/admin/router.h"

#include <cassert>

namespace capsem::admin {
namespace {

std::string_view next_segment(std::string_view& rest) {
  const auto slash = rest.find('/');
  const std::string_view segment = rest.substr(0, slash);
  rest = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash + 1);
  return segment;
}

// How exactly `path` is meant by `pattern`: nothing when it is not; otherwise one bit per segment,
// the first one the highest, set where it is literal.
std::optional<std::uint32_t> match(std::string_view pattern, std::string_view path,
                                   std::vector<std::string>& ids) {
  ids.clear();
  std::uint32_t exactness = 0;
  if (pattern.empty() || path.empty() || path.front() != '/') return std::nullopt;
  if (path.back() == '/' && path.size() > 1) return std::nullopt;
  pattern.remove_prefix(1);
  path.remove_prefix(1);
  while (true) {
    const bool last = pattern.find('/') == std::string_view::npos;
    if (last != (path.find('/') == std::string_view::npos)) return std::nullopt;
    const std::string_view wanted = next_segment(pattern), found = next_segment(path);
    exactness <<= 1;
    if (wanted.starts_with('{')) {
      if (found.empty()) return std::nullopt;
      ids.emplace_back(found);
    } else if (wanted == found) {
      exactness |= 1;
    } else {
      return std::nullopt;
    }
    if (last) return exactness;
  }
}

bool answers(const Route& route, std::string_view method) {
  return route.method == method || (route.method == "GET" && method == "HEAD");
}

}  // namespace

std::string_view to_string(Role role) {
  switch (role) {
    case Role::Admin:
      return "admin";
    case Role::Reviewer:
      return "reviewer";
    case Role::Auditor:
      return "auditor";
    case Role::ReadOnly:
      break;
  }
  return "read-only";
}

std::optional<Role> role_from(std::string_view word) {
  for (const Role role : {Role::Admin, Role::Reviewer, Role::Auditor, Role::ReadOnly}) {
    if (word == to_string(role)) return role;
  }
  return std::nullopt;
}

bool may(Role role, Right right) {
  switch (right) {
    case Right::Read:
      return true;
    case Right::Review:
      return role == Role::Admin || role == Role::Reviewer;
    case Right::Audit:
      return role == Role::Admin || role == Role::Auditor;
    case Right::Manage:
      break;
  }
  return role == Role::Admin;
}

void Router::add(Route route) {
  for ([[maybe_unused]] const Route& known : routes_) {
    assert(known.method != route.method || known.pattern != route.pattern);
  }
  routes_.push_back(std::move(route));
}

Router::Match Router::find(std::string_view method, std::string_view path) const {
  Match found;
  std::uint32_t best = 0;
  std::vector<std::string> ids;
  std::vector<std::pair<std::uint32_t, const Route*>> fitting;
  for (const Route& route : routes_) {
    if (const auto exactness = match(route.pattern, path, ids)) {
      best = std::max(best, *exactness);
      fitting.emplace_back(*exactness, &route);
    }
  }
  for (const auto& [exactness, route] : fitting) {
    if (exactness != best) continue;
    found.allowed.append(found.allowed.empty() ? "" : ", ").append(route->method);
    if (answers(*route, method)) found.route = route;
  }
  if (found.route != nullptr) match(found.route->pattern, path, found.ids);
  return found;
}

}  // namespace capsem::admin
