// Which words a window is read around: typical of attacks, rare in prose.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "training/injection/learner.h"

namespace capsem::training {

// Most telling first.
std::vector<std::string> choose_anchors(std::span<const Text* const> texts,
                                        const LearnOptions& options);

}  // namespace capsem::training
