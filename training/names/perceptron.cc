#include "training/names/perceptron.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <random>

#include "core/base/hash.h"

namespace capsem::training {
namespace {

using namespace detect;

struct Example {
  std::vector<Features> features;
  RunTags tags{};
};

Tag tag_at(const Sentence& sentence, std::size_t p) {
  for (const Span& span : sentence.spans) {
    if (p >= span.begin && p < span.end) return span.tag;
  }
  return Tag::None;
}

// Every name of a list is in the table, of the names in the world few are: some of these are
// forgotten, so that the tagger learns to do without, from what stands around and how they end.
void forget_some(const Sentence& sentence, NameRun& run) {
  constexpr std::uint64_t kOfTen = 2;
  for (std::size_t i = 0; i < run.size; ++i) {
    Word& w = run.words[i];
    const std::uint64_t dice = mix64(w.hash ^ hash_bytes(sentence.text, w.begin)) % 10;
    if (dice < kOfTen && tag_at(sentence, w.begin) != Tag::None) w.flags = 0;
  }
}

void add_runs(const Sentence& sentence, std::vector<Example>& examples) {
  const std::string_view s = sentence.text;
  NameRun run;
  for (std::size_t p = 0; p < s.size(); ++p) {
    if (upper_size(s, p) == 0 || !begins_word(s, p)) continue;
    read_run(s, p, run);
    if (run.size == 0) continue;
    read_context(s, run);
    if (sentence.generated) forget_some(sentence, run);
    Example example;
    example.features.resize(run.size);
    for (std::size_t i = 0; i < run.size; ++i) {
      features_of(s, run, i, example.features[i]);
      example.tags[i] = tag_at(sentence, run.words[i].begin);
    }
    examples.push_back(std::move(example));
    p = run.whole ? run.end() - 1 : p;
  }
}

class Model {
 public:
  void step(const Example& example, float margin) {
    ++steps_;
    std::array<std::array<float, kTags>, kRunWords> scores{};
    const std::size_t n = example.features.size();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t f = 0; f < example.features[i].size; ++f) {
        const std::size_t row = std::size_t{example.features[i].rows[f]} * kTags;
        for (std::size_t t = 0; t < kTags; ++t) scores[i][t] += weights_[row + t];
      }
      scores[i][static_cast<std::size_t>(example.tags[i])] -= margin;
    }
    const RunTags got = best_tags<float>({scores.data(), n}, after());
    for (std::size_t i = 0; i < n; ++i) {
      const auto want = static_cast<std::size_t>(example.tags[i]);
      const auto have = static_cast<std::size_t>(got[i]);
      if (want != have) {
        for (std::size_t f = 0; f < example.features[i].size; ++f) {
          const std::size_t row = std::size_t{example.features[i].rows[f]} * kTags;
          move(row + want, 1);
          move(row + have, -1);
        }
      }
      if (i == 0) continue;
      const auto want_before = static_cast<std::size_t>(example.tags[i - 1]);
      const auto have_before = static_cast<std::size_t>(got[i - 1]);
      if (want == have && want_before == have_before) continue;
      move(kTransitions + want_before * kTags + want, 1);
      move(kTransitions + have_before * kTags + have, -1);
    }
  }

  std::vector<std::int8_t> quantised() const {
    std::vector<double> mean(weights_.size());
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] = static_cast<double>(weights_[i]) - sums_[i] / static_cast<double>(steps_);
    }
    // The few largest weights are cut, so that the many small ones are kept.
    std::vector<double> sizes;
    for (const double w : mean) {
      if (w != 0) sizes.push_back(std::abs(w));
    }
    const auto cut = static_cast<std::ptrdiff_t>(static_cast<double>(sizes.size()) * 0.9995);
    std::nth_element(sizes.begin(), sizes.begin() + cut, sizes.end());
    const double scale = 127 / sizes[static_cast<std::size_t>(cut)];
    std::vector<std::int8_t> out;
    for (const double w : mean) {
      out.push_back(static_cast<std::int8_t>(std::clamp(std::round(w * scale), -127.0, 127.0)));
    }
    return out;
  }

 private:
  static constexpr std::size_t kTransitions = kTableRows * kTags;

  std::array<std::array<float, kTags>, kTags> after() const {
    std::array<std::array<float, kTags>, kTags> out;
    for (std::size_t i = 0; i < kTags * kTags; ++i) {
      out[i / kTags][i % kTags] = weights_[kTransitions + i];
    }
    return out;
  }
  void move(std::size_t i, float by) {
    weights_[i] += by;
    sums_[i] += static_cast<double>(by) * static_cast<double>(steps_);
  }

  std::vector<float> weights_ = std::vector<float>(kTableBytes);
  std::vector<double> sums_ = std::vector<double>(kTableBytes);
  std::uint64_t steps_ = 0;
};

}  // namespace

std::vector<std::int8_t> train(const std::vector<Sentence>& sentences,
                               const TrainOptions& options) {
  std::vector<Example> examples;
  for (const Sentence& sentence : sentences) add_runs(sentence, examples);
  std::mt19937 random(options.seed);
  Model model;
  for (unsigned epoch = 0; epoch < options.epochs; ++epoch) {
    for (std::size_t i = examples.size(); i > 1; --i) {
      std::swap(examples[i - 1], examples[random() % i]);
    }
    for (const Example& example : examples) model.step(example, options.margin);
  }
  return model.quantised();
}

}  // namespace capsem::training
