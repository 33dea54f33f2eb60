// What the program finds in labelled sentences, counted against the labels.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "training/names/corpus.h"

namespace capsem::training {

struct Count {
  std::size_t right = 0, found = 0, labelled = 0;       // exact ranges
  std::size_t touched_found = 0, touched_labelled = 0;  // that overlap one of the other side
};

Count count(const std::vector<Sentence>& sentences, detect::Tag tag,
            std::span<const std::int8_t> table);

// "P .71 R .66 F1 .68 F2 .67 | overlap P .80 R .75": for tables of figures.
std::string describe(const Count& count);

}  // namespace capsem::training
