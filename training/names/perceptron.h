// An averaged structured perceptron over runs: it decodes a run with the weights so far and moves
// them where the answer was wrong. Averaging over all steps is what makes it generalise.
#pragma once

#include <cstdint>
#include <vector>

#include "training/names/corpus.h"

namespace capsem::training {

struct TrainOptions {
  unsigned epochs = 8;
  std::uint32_t seed = 1;
  float margin = 8;  // how far right answers must be ahead
};

// The weights as the program ships them: detect::kTableBytes bytes.
std::vector<std::int8_t> train(const std::vector<Sentence>& sentences, const TrainOptions& options);

}  // namespace capsem::training
