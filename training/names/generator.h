// Sentences made from templates and lists of names, labelled as they are made.
#pragma once

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "training/names/corpus.h"

namespace capsem::training {

// Which part of the lists is drawn from: held-out sentences hold names no training sentence has.
enum class Part : std::uint8_t { Train, HeldOut };

class Generator {
 public:
  // `names`: the folder of the lists; `own`: the one with ours. `words`: lower-case words of
  // everyday text.
  Generator(const std::filesystem::path& names, const std::filesystem::path& own,
            std::vector<std::string> words, Part part);

  std::vector<Sentence> make(const std::filesystem::path& templates, std::size_t count,
                             std::uint32_t seed);

 private:
  struct Slot {
    std::string text;
    detect::Tag tag = detect::Tag::None;
  };
  void load(const std::filesystem::path& file, std::vector<std::string>& list, std::size_t most);
  void load_cities(const std::filesystem::path& file);
  bool keeps(std::string_view name) const;
  Slot fill(const std::string& slot);
  std::string full_name();
  std::string first();
  std::string last();
  std::string organisation();
  std::string street();
  std::string title(std::size_t words);
  std::string phrase(std::size_t words);
  std::string date();
  std::size_t below(std::size_t n) { return random_() % n; }
  const std::string& pick(const std::vector<std::string>& list) { return list[below(list.size())]; }
  // Early entries of a list sorted by frequency come more often.
  const std::string& pick_common(const std::vector<std::string>& list);

  Part part_;
  std::mt19937 random_;
  std::vector<std::string> common_first_, world_first_, common_last_, world_last_, foreign_first_,
      foreign_last_, cities_, regions_, countries_, words_;
};

}  // namespace capsem::training
