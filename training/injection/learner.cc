#include "training/injection/learner.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>

#include "core/detect/injection_model.h"
#include "training/injection/anchors.h"

namespace capsem::training {
namespace {

using namespace detect::injection;

constexpr double kRate = 0.2;        // of the first steps
constexpr double kWeightUnits = 60;  // of 1 in a weight: the same for all, so margins compare

struct Example {
  std::vector<std::uint32_t> rows;
  std::size_t text = 0;
  bool attack = false;
  double weight = 1;
};

ModelFile empty_model(const std::vector<std::string>& anchors) {
  std::string lines;
  for (const std::string& anchor : anchors) lines += anchor + '\n';
  const ModelHeader header{.threshold = INT32_MIN,
                           .sure = INT32_MAX,
                           .anchor_bytes = static_cast<std::uint32_t>(lines.size())};
  ModelFile file(sizeof header + kModelRows + lines.size());
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header + kModelRows, lines.data(), lines.size());
  return file;
}

std::vector<Example> windows_of(std::span<const Text* const> texts, const ModelFile& file) {
  const LearnedModel model(file);
  std::vector<Example> examples;
  ModelRows window;
  for (std::size_t t = 0; t < texts.size(); ++t) {
    const std::string& text = texts[t]->text;
    for (std::size_t p = 0, end = 0; p < text.size(); ++p) {
      if (model.anchor_end(text, p, end) == 0) continue;
      window.read(text, p);
      const auto rows = window.rows();
      examples.push_back(
          {.rows = {rows.begin(), rows.end()}, .text = t, .attack = texts[t]->attack});
    }
  }
  return examples;
}

// Rows that one text alone (or its near-duplicates) has say nothing about others.
void drop_rare_rows(std::span<const Text* const> texts, std::vector<Example>& examples) {
  constexpr std::size_t kNone = SIZE_MAX, kMany = SIZE_MAX - 1;
  std::vector<std::size_t> holder(kModelRows, kNone);
  for (const Example& example : examples) {
    const std::size_t group = texts[example.text]->group;
    for (const std::uint32_t row : example.rows) {
      if (holder[row] == kNone) holder[row] = group;
      if (holder[row] != group) holder[row] = kMany;
    }
  }
  for (Example& example : examples) {
    std::erase_if(example.rows, [&](std::uint32_t row) { return holder[row] != kMany; });
  }
}

// Logistic regression by stochastic gradient descent, weights shrinking all the time.
class Regression {
 public:
  double margin(const Example& example) const {
    double sum = bias_;
    for (const std::uint32_t row : example.rows) sum += weights_[row] * scale_;
    return sum;
  }

  void step(const Example& example, double rate, double decay) {
    const double wanted = example.attack ? 1 : 0;
    const double error = wanted - 1 / (1 + std::exp(-margin(example)));
    scale_ *= 1 - rate * decay;
    const double by = rate * error * example.weight;
    for (const std::uint32_t row : example.rows) weights_[row] += by / scale_;
    bias_ += by * 0.1;
  }

  void write(ModelFile& file) const {
    for (std::size_t i = 0; i < kModelRows; ++i) {
      const double w = std::clamp(weights_[i] * scale_ * kWeightUnits, -127.0, 127.0);
      file[sizeof(ModelHeader) + i] = static_cast<std::int8_t>(std::lround(w));
    }
  }

 private:
  std::vector<double> weights_ = std::vector<double>(kModelRows);
  double scale_ = 1, bias_ = 0;
};

// An attack counts once, however many windows it has. Of harmless texts every window is one that
// must not be flagged, but the many of a long one count for less.
void weigh(std::vector<Example>& examples) {
  constexpr double kHarmlessMax = 4;
  for (std::size_t begin = 0, end = 0; begin < examples.size(); begin = end) {
    while (end < examples.size() && examples[end].text == examples[begin].text) ++end;
    const auto windows = static_cast<double>(end - begin);
    const double total = examples[begin].attack ? 1 : std::min(kHarmlessMax, windows);
    for (std::size_t i = begin; i < end; ++i) examples[i].weight = total / windows;
  }
}

}  // namespace

ModelFile learn(std::span<const Text* const> texts, const LearnOptions& options) {
  ModelFile file = empty_model(choose_anchors(texts, options));
  std::vector<Example> examples = windows_of(texts, file);
  drop_rare_rows(texts, examples);
  weigh(examples);
  Regression model;
  std::vector<std::size_t> order(examples.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 random(1);
  for (unsigned epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
    const double rate = kRate / (1 + epoch);
    for (const std::size_t i : order) model.step(examples[i], rate, options.decay);
  }
  model.write(file);
  return file;
}

void set_threshold(ModelFile& model, int threshold, int sure) {
  ModelHeader header{};
  std::memcpy(&header, model.data(), sizeof header);
  header.threshold = threshold;
  header.sure = sure;
  std::memcpy(model.data(), &header, sizeof header);
}

}  // namespace capsem::training
