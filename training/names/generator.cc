#include "training/names/generator.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <stdexcept>

#include "core/base/hash.h"

namespace capsem::training {
namespace {

using detect::Tag;
using List = std::vector<std::string>;

const List kProducts = {"Python",     "Docker",    "Excel",     "Claude",     "Gemini", "ChatGPT",
                        "Windows",    "Linux",     "Chrome",    "Firefox",    "Java",   "Kafka",
                        "Postgres",   "Android",   "iPhone",    "GitHub",     "Slack",  "Outlook",
                        "Teams",      "Photoshop", "React",     "Kubernetes", "Redis",  "Terraform",
                        "JavaScript", "Word",      "PowerPoint"};
const List kNations = {"American", "British", "French",  "German",  "Italian", "Spanish", "Russian",
                       "Chinese",  "Turkish", "Polish",  "Mexican", "Indian",  "Swiss",   "Irish",
                       "Nigerian", "Dutch",   "Swedish", "Muslim",  "Jewish",  "Buddhist"};
const List kJobs = {"Software Engineer",
                    "Account Manager",
                    "Sales Director",
                    "Project Manager",
                    "Nurse",
                    "Head of Marketing",
                    "Data Analyst",
                    "Office Manager",
                    "Managing Partner",
                    "Chef",
                    "Senior Lecturer",
                    "Electrician",
                    "Research Assistant",
                    "Support Team",
                    "Legal Counsel",
                    "Quality inspector",
                    "Team lead",
                    "Warehouse worker",
                    "Tax adviser",
                    "Teaching assistant",
                    "Graphic designer",
                    "Veterinary nurse",
                    "Bus driver",
                    "Site supervisor"};
const List kStreetWords = {"Street", "Avenue", "Road", "Lane", "Drive", "Square", "Court",
                           "Way",    "Place",  "St",   "Ave",  "Rd",    "Blvd",   "Terrace"};
const List kOrgEnds = {"Inc",     "Ltd",        "Corp",      "GmbH",     "Group", "Holdings", "LLC",
                       "Systems", "Industries", "Insurance", "Partners", "Labs",  "Records"};
const List kOrgKinds = {"University", "Hospital", "Chamber of Commerce", "Museum", "Airlines",
                        "Bank",       "FC",       "City Council",        "Times",  "Institute"};
const List kMonths = {"January", "February", "March",     "April",   "May",      "June",
                      "July",    "August",   "September", "October", "November", "December",
                      "Monday",  "Tuesday",  "Friday",    "Sunday"};

std::string titled(std::string word) {
  word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
  return word;
}

std::string shouted(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

List lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  List lines;
  for (std::string line; std::getline(in, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("\xEF\xBB\xBF")) line.erase(0, 3);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

}  // namespace

Generator::Generator(const std::filesystem::path& names, const std::filesystem::path& own,
                     List words, Part part)
    : part_(part), words_(std::move(words)) {
  load(names / "us_census_female_first.txt", common_first_, 1200);
  load(names / "us_census_male_first.txt", common_first_, 800);
  load(names / "us_census_last.txt", common_last_, 12000);
  load(names / "first_many_countries.txt", world_first_, ~std::size_t{0});
  load(names / "surnames_many_countries.txt", world_last_, ~std::size_t{0});
  load(own / "first_names.txt", foreign_first_, ~std::size_t{0});
  load(own / "surnames.txt", foreign_last_, ~std::size_t{0});
  load_cities(names / "world_cities.csv");
}

bool Generator::keeps(std::string_view name) const {
  return (hash_bytes(name, 17) % 5 == 0) == (part_ == Part::HeldOut);
}

void Generator::load(const std::filesystem::path& file, List& list, std::size_t most) {
  const bool census = file.filename().string().starts_with("us_census");
  std::size_t read = 0;
  for (std::string line : lines_of(file)) {
    if (read++ >= most) break;
    if (census) {
      line = line.substr(0, line.find(' '));
      for (std::size_t i = 1; i < line.size(); ++i) line[i] = detect::fold(line[i]);
    }
    const bool plain = line.size() > 2 && line.size() < 20 && detect::upper_size(line, 0) != 0 &&
                       line.find(' ') == std::string::npos;
    if (plain && keeps(line)) list.push_back(line);
  }
}

void Generator::load_cities(const std::filesystem::path& file) {
  for (const std::string& line : lines_of(file)) {
    if (line.find('"') != std::string::npos || line.starts_with("name,")) continue;
    const auto a = line.find(','), b = line.find(',', a + 1), c = line.find(',', b + 1);
    if (c == std::string::npos) continue;
    const auto add = [&](List& list, const std::string& name) {
      if (detect::upper_size(name, 0) != 0 && name.size() < 24 && keeps(name)) list.push_back(name);
    };
    add(cities_, line.substr(0, a));
    add(countries_, line.substr(a + 1, b - a - 1));
    add(regions_, line.substr(b + 1, c - b - 1));
  }
}

const std::string& Generator::pick_common(const List& list) {
  const double u = static_cast<double>(random_() % 10000) / 10000;
  return list[static_cast<std::size_t>(u * u * static_cast<double>(list.size()))];
}

std::string Generator::first() {
  const auto dice = below(20);
  if (dice < 8) return pick_common(common_first_);
  if (dice < 10) return pick(world_first_);
  return pick(foreign_first_);
}

std::string Generator::last() {
  const auto dice = below(20);
  if (dice < 7) return pick_common(common_last_);
  if (dice < 11) return pick(world_last_);
  if (dice < 17) return pick(foreign_last_);
  if (dice == 17) return pick(world_last_) + "-" + pick(world_last_);
  // A name no list has: the front of one and the back of another.
  const std::string &a = pick(world_last_), &b = pick(common_last_);
  return a.substr(0, a.size() / 2 + 1) + b.substr(b.size() / 2);
}

std::string Generator::full_name() {
  switch (below(16)) {
    case 0:
      return first() + " " + static_cast<char>('A' + below(26)) + ". " + last();
    case 4:
      return first() + " " + static_cast<char>('A' + below(26)) + " " + last();
    case 1:
      return first() + " " + first() + " " + last();
    case 2:
      return first() + " " + pick(List{"van", "de", "von", "van der", "da", "al", "di"}) + " " +
             last();
    case 3:
      return first() + " " + last() + " " + last();
    default:
      return first() + " " + last();
  }
}

std::string Generator::organisation() {
  switch (below(6)) {
    case 0:
      return last() + " & " + titled(pick(words_));
    case 1:
      return pick(cities_) + " " + pick(kOrgKinds);
    case 2:
      return "Bank of " + pick(countries_);
    case 3:
      return titled(pick(words_)) + titled(pick(words_));
    case 4:
      return titled(pick(words_)) + " " + pick(kOrgEnds);
    default:
      return last() + " " + pick(kOrgEnds);
  }
}

std::string Generator::street() {
  const std::string name = below(2) == 0 ? last() : titled(pick(words_));
  return std::to_string(1 + below(999)) + " " + name + " " + pick(kStreetWords);
}

std::string Generator::title(std::size_t words) {
  std::string out = titled(pick(words_));
  for (std::size_t i = 1; i < words; ++i) out += " " + titled(pick(words_));
  return out;
}

std::string Generator::phrase(std::size_t words) {
  std::string out = pick(words_);
  for (std::size_t i = 1; i < words; ++i) out += " " + pick(words_);
  return out;
}

std::string Generator::date() {
  const std::string day = std::to_string(1 + below(28));
  const std::string& month = pick(kMonths);
  return below(3) == 0 ? month : below(2) == 0 ? month + " " + day : day + " " + month + " 2023";
}

Generator::Slot Generator::fill(const std::string& slot) {
  if (slot == "full") return {full_name(), Tag::Person};
  if (slot == "FULL") return {shouted(full_name()), Tag::Person};
  if (slot == "first") return {first(), Tag::Person};
  if (slot == "last") return {last(), Tag::Person};
  if (slot == "initial_last") {
    return {std::string(1, static_cast<char>('A' + below(26))) + ". " + last(), Tag::Person};
  }
  if (slot == "city") return {pick(cities_), Tag::Place};
  if (slot == "CITY") return {shouted(pick(cities_)), Tag::Place};
  if (slot == "country") return {pick(countries_), Tag::Place};
  if (slot == "region") return {pick(regions_), Tag::Place};
  if (slot == "street") return {street(), Tag::Place};
  if (slot == "org") return {organisation(), Tag::Other};
  if (slot == "ORG") return {shouted(organisation()), Tag::Other};
  if (slot == "product") return {pick(kProducts), Tag::Other};
  if (slot == "job") return {pick(kJobs)};
  if (slot == "nation") return {pick(kNations)};
  if (slot == "title") return {title(1 + below(4))};
  if (slot == "words") return {phrase(2 + below(6))};
  if (slot == "WORDS") return {shouted(phrase(2 + below(4)))};
  if (slot == "word") return {pick(words_)};
  if (slot == "Words") return {titled(pick(words_))};
  if (slot == "date") return {date()};
  if (slot == "num") return {std::to_string(1 + below(100000))};
  if (slot == "email") return {pick(words_) + "@example.org"};
  throw std::runtime_error("no such slot: " + slot);
}

std::vector<Sentence> Generator::make(const std::filesystem::path& templates, std::size_t count,
                                      std::uint32_t seed) {
  random_.seed(seed);
  List patterns = lines_of(templates);
  std::erase_if(patterns, [](const std::string& line) {
    return line.starts_with("# Sentences") || line.starts_with("# (other)");
  });
  std::vector<Sentence> out;
  for (std::size_t n = 0; n < count; ++n) {
    const std::string& pattern = patterns[n % patterns.size()];
    Sentence sentence{.text = {}, .spans = {}, .generated = true};
    for (std::size_t i = 0; i < pattern.size(); ++i) {
      if (pattern[i] == '\\') {
        sentence.text += '\n';
        ++i;
        continue;
      }
      const std::size_t close = pattern.find('}', i);
      const bool slot = pattern[i] == '{' && i + 1 < pattern.size() &&
                        std::isalpha(static_cast<unsigned char>(pattern[i + 1])) != 0;
      if (!slot) {
        sentence.text += pattern[i];
        continue;
      }
      const Slot filled = fill(pattern.substr(i + 1, close - i - 1));
      const std::size_t begin = sentence.text.size();
      sentence.text += filled.text;
      if (filled.tag != Tag::None) {
        sentence.spans.push_back({begin, sentence.text.size(), filled.tag});
      }
      i = close;
    }
    out.push_back(std::move(sentence));
  }
  return out;
}

}  // namespace capsem::training
