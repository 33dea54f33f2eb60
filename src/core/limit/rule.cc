#include "core/limit/rule.h"

#include "core/base/sha256.h"
#include "core/limit/prices.h"

namespace capsem::limit {

namespace {

constexpr std::int64_t kMinuteNs = 60'000'000'000;
constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kDayNs = 24 * kHourNs;
constexpr std::int64_t kMonthNs = 30 * kDayNs;

// In the order of Dimension.
constexpr std::array<DimensionInfo, kDimensions> kInfo = {{
    {"requests/minute", "minute", Unit::Requests, Kind::Window, kMinuteNs},
    {"requests/hour", "hour", Unit::Requests, Kind::Window, kHourNs},
    {"requests/day", "day", Unit::Requests, Kind::Window, kDayNs},
    {"evaluations/month", "month", Unit::Evaluations, Kind::Window, kMonthNs},
    {"slots", "", Unit::Slots, Kind::Concurrent, 0},
    {"tokens/minute", "minute", Unit::Tokens, Kind::Reserved, kMinuteNs},
    {"tokens/hour", "hour", Unit::Tokens, Kind::Reserved, kHourNs},
    {"tokens/day", "day", Unit::Tokens, Kind::Reserved, kDayNs},
    {"cost/hour", "hour", Unit::Money, Kind::Reserved, kHourNs},
    {"cost/day", "day", Unit::Money, Kind::Reserved, kDayNs},
    {"cost/month", "month", Unit::Money, Kind::Reserved, kMonthNs},
}};

constexpr std::size_t kNameBytesMax = 64;

// "5:agent", or "#" and 64 hexadecimal digits, which no length begins with.
void append_name(std::string& out, std::string_view name) {
  out += ' ';
  if (name.size() > kNameBytesMax) {
    out.append("#").append(sha256_hex(name));
  } else {
    out.append(std::to_string(name.size())).append(":").append(name);
  }
}

std::string counted(std::uint64_t count, std::string_view singular) {
  std::string text = std::to_string(count);
  text.append(" ").append(singular);
  return count == 1 ? text : text + "s";
}

std::string amount_text(Unit unit, std::uint64_t max) {
  switch (unit) {
    case Unit::Requests:
      return counted(max, "request");
    case Unit::Evaluations:
      return counted(max, "evaluation");
    case Unit::Slots:
      return counted(max, "concurrent request");
    case Unit::Tokens:
      return counted(max, "token");
    case Unit::Money:
      break;
  }
  return money_text(max) + " USD";
}

std::string_view refusal_title(Unit unit) {
  switch (unit) {
    case Unit::Requests:
      return "Rate limit exceeded: ";
    case Unit::Evaluations:
      return "Evaluation quota exceeded: ";
    case Unit::Slots:
      return "Concurrency limit exceeded: ";
    case Unit::Tokens:
      return "Token limit exceeded: ";
    case Unit::Money:
      break;
  }
  return "Budget exceeded: ";
}

std::string quoted(std::string_view kind, std::string_view name) {
  std::string text(kind);
  return text.append(" '").append(name).append("'");
}

std::string caller_text(Per per, const Caller& caller) {
  switch (per) {
    case Per::Agent:
      return quoted("agent", caller.agent);
    case Per::Key:
      return quoted("key", caller.user_id);
    case Per::Integration:
      return quoted("integration", caller.integration);
    case Per::Everyone:
      break;
  }
  return "all callers";
}

}  // namespace

const DimensionInfo& info(Dimension dimension) {
  return kInfo[static_cast<std::size_t>(dimension)];
}

std::uint32_t dimensions_of(Kind kind) {
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < kDimensions; ++i) {
    if (kInfo[i].kind == kind) bits |= std::uint32_t{1} << i;
  }
  return bits;
}

OnStoreDown LimitRule::on_store_down_of(Dimension dimension) const {
  const Unit unit = info(dimension).unit;
  const bool budget = unit == Unit::Tokens || unit == Unit::Money;
  return on_store_down.value_or(budget ? OnStoreDown::Closed : OnStoreDown::Local);
}

LimitRule::LimitRule(std::string id, Per per) : id_(std::move(id)), per_(per) {
  constexpr std::string_view kPer[] = {" agent", " key", " integration", " everyone"};
  key_part_ = kPer[static_cast<std::size_t>(per_)];
  append_name(key_part_, id_);
}

CallerKey::CallerKey(const Caller& caller) {
  append_name(text_, caller.user_id);
  key_end_ = text_.size();
  append_name(text_, caller.agent);
  agent_end_ = text_.size();
  append_name(text_, caller.integration_id.empty() ? caller.integration : caller.integration_id);
}

std::string_view CallerKey::names(Per per) const {
  const std::string_view all(text_);
  switch (per) {
    case Per::Agent:
      return all.substr(0, agent_end_);
    case Per::Key:
      return all.substr(0, key_end_);
    case Per::Integration:
      return all.substr(agent_end_);
    case Per::Everyone:
      break;
  }
  return {};
}

void append_key(std::string& out, const LimitRule& rule, Dimension dimension,
                const CallerKey& caller) {
  out.append(info(dimension).name).append(rule.key_part()).append(caller.names(rule.per()));
}

std::string_view refusal_code(Unit unit) {
  switch (unit) {
    case Unit::Requests:
      return "rate_limit_exceeded";
    case Unit::Evaluations:
      return "evaluation_quota_exceeded";
    case Unit::Slots:
      return "concurrency_limit_exceeded";
    case Unit::Tokens:
      return "token_limit_exceeded";
    case Unit::Money:
      break;
  }
  return "budget_exceeded";
}

std::string refusal_text(const LimitRule& rule, Dimension dimension, const Caller& caller) {
  const DimensionInfo& what = info(dimension);
  std::string text(refusal_title(what.unit));
  text += amount_text(what.unit, rule.max(dimension).value_or(0));
  if (!what.period.empty()) text.append(" per ").append(what.period);
  return text.append(" for ").append(caller_text(rule.per(), caller));
}

std::string money_text(std::uint64_t micros) {
  constexpr std::size_t kDecimals = 6, kDecimalsShown = 2;
  std::string decimals = std::to_string(micros % kMicrosPerUnit);
  decimals.insert(0, kDecimals - decimals.size(), '0');
  while (decimals.size() > kDecimalsShown && decimals.back() == '0') decimals.pop_back();
  return std::to_string(micros / kMicrosPerUnit) + "." + decimals;
}

}  // namespace capsem::limit
