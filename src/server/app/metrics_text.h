// Writer for the Prometheus text format 0.0.4: HELP and TYPE once per family, labels escaped,
// histogram buckets cumulative with +Inf last.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace capsem::app {

struct Label {
  std::string_view name, value;
};

class MetricsText {
 public:
  using Labels = std::initializer_list<Label>;

  // Begins a family; its samples follow until the next call. `type`: counter, gauge, histogram.
  void family(std::string_view name, std::string_view type, std::string_view help);
  void sample(std::uint64_t value, Labels labels = {});
  void sample(double value, Labels labels = {});

  // One histogram. `counts` has one entry per bound and one for what is above all of them; bounds
  // and sum are divided by `divisor` (milliseconds to seconds: 1000).
  void histogram(std::span<const std::uint64_t> bounds, std::span<const std::uint64_t> counts,
                 std::uint64_t sum, double divisor, Labels labels = {});

  std::string take() { return std::move(out_); }

 private:
  void line(std::string_view suffix, Labels labels, const Label* extra, std::string_view value);

  std::string out_;
  std::string name_;
};

}  // namespace capsem::app
