#include "server/app/metrics_text.h"

#include <fmt/format.h>

namespace capsem::app {
namespace {

void append_label_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
}

std::string number(double value) {
  return fmt::format("{}", value);
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  out_ += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

void MetricsText::line(std::string_view suffix, Labels labels, const Label* extra,
                       std::string_view value) {
  out_ += name_;
  out_ += suffix;
  char separator = '{';
  const auto label = [&](const Label& l) {
    out_ += separator;
    out_ += l.name;
    out_ += "=\"";
    append_label_value(out_, l.value);
    out_ += '"';
    separator = ',';
  };
  for (const Label& l : labels) label(l);
  if (extra != nullptr) label(*extra);
  if (separator == ',') out_ += '}';
  out_ += ' ';
  out_ += value;
  out_ += '\n';
}

void MetricsText::sample(std::uint64_t value, Labels labels) {
  line("", labels, nullptr, fmt::format("{}", value));
}

void MetricsText::sample(double value, Labels labels) {
  line("", labels, nullptr, number(value));
}

void MetricsText::histogram(std::span<const std::uint64_t> bounds,
                            std::span<const std::uint64_t> counts, std::uint64_t sum,
                            double divisor, Labels labels) {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    total += counts[i];
    const std::string bound =
        i < bounds.size() ? number(static_cast<double>(bounds[i]) / divisor) : "+Inf";
    const Label le{"le", bound};
    line("_bucket", labels, &le, fmt::format("{}", total));
  }
  line("_sum", labels, nullptr, number(static_cast<double>(sum) / divisor));
  line("_count", labels, nullptr, fmt::format("{}", total));
}

}  // namespace capsem::app
