// Makes a model file from texts: first the anchors, then the weights.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "training/injection/texts.h"

namespace capsem::training {

using ModelFile = std::vector<std::int8_t>;

struct LearnOptions {
  std::set<std::string> never_anchors;
  std::size_t anchors_max = 300;
  // Of a million words of prose, at most so many are
  double anchor_ppm_max = 20;        // one anchor,
  double anchors_ppm_max = 300;      // any anchor (each costs reading a window),
  double beginnings_ppm_max = 6000;  // or begin like one (each costs a look at the word).
  double anchor_dear_ppm = 5;        // an anchor this common counts half of what a rare one does
  unsigned epochs = 30;
  double decay = 2e-4;  // of all weights, by step and rate
};

// A model without threshold: every margin is a finding. Deterministic.
ModelFile learn(std::span<const Text* const> texts, const LearnOptions& options);

// From which margin on there is a finding, and one of the highest score.
void set_threshold(ModelFile& model, int threshold, int sure);

}  // namespace capsem::training
