// Addresses by grammar, times and years; and that all of it is the same at every cut.
#include "core/detect/street.h"

#include "core/detect/dates.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

struct PlaceCase {
  const char* name;
  std::string_view text;
  std::string_view want;
};

std::string found_in(EntityType type, std::string_view text) {
  Catalog catalog;
  catalog.add(make_pii_detector(only(catalog, type)));
  std::string out;
  for (const auto& f : block_scan(catalog, text)) {
    if (!out.empty()) out += " ; ";
    out += text.substr(f.begin, f.end - f.begin);
  }
  return out;
}

constexpr PlaceCase kAddresses[] = {
    {"a street", "deliver to 12 Oak Street today", "12 Oak Street"},
    {"all of it", "at 742 Cedar Ridge Ave, Apt 4B, Austin, TX 78701.",
     "742 Cedar Ridge Ave, Apt 4B, Austin, TX 78701"},
    {"a numbered street", "from 350 W 42nd St to the river", "350 W 42nd St"},
    {"a suffix of direction", "see 9 Park Avenue South now", "9 Park Avenue South"},
    {"a British code", "to 221B Baker Street, London NW1 6XE", "221B Baker Street, London NW1 6XE"},
    {"French", "chez 12 rue de la Paix, 75002 Paris", "12 rue de la Paix, 75002 Paris"},
    {"German",
     "wohnt Hauptstra\xC3\x9F"
     "e 12, 10115 Berlin",
     "Hauptstra\xC3\x9F"
     "e 12, 10115 Berlin"},
    {"Italian", "in Via Garibaldi 5 a casa", "Via Garibaldi 5"},
    {"a comma before the number", "a Calle Mayor, 42\n28013 Madrid hoy",
     "Calle Mayor, 42\n28013 Madrid"},
    {"a post box", "write to PO Box 1234 please", "PO Box 1234"},
    {"a city with its code", "sent from Boise, ID 83702 by post", "Boise, ID 83702"},
    {"over lines", "to 8569 Cedar Knolls\nMilltown\n, OK\n 47618. Thanks",
     "8569 Cedar Knolls\nMilltown\n, OK\n 47618"},
    {"a unit and a country", "at 75 Baker Walks Apt. 202, Norville, Israel now",
     "75 Baker Walks Apt. 202, Norville, Israel"},
    {"a country of several words", "12 Oak Street, Milltown, Trinidad and Tobago 26457",
     "12 Oak Street, Milltown, Trinidad and Tobago 26457"},
    {"in quoted mail, line by line", "> 12 Oak Street\n> Austin, TX 78701",
     "12 Oak Street ; Austin, TX 78701"},
    {"a house with a name", "12 Oak Street Riverside Towers, Apt 4B, Austin, TX 78701",
     "12 Oak Street Riverside Towers, Apt 4B, Austin, TX 78701"},
    {"Hungarian", "a Kossuth Lajos utca 12 alatt", "Kossuth Lajos utca 12"},
    {"a short word that is no street", "Thank u 2 guys", ""},
    {"a list that goes on", "12 Oak Street\nmilk\nbread", "12 Oak Street"},
    {"of soldiers", "mail PSC 3726, Box 1675\nAPO AE 88470 today",
     "PSC 3726, Box 1675\nAPO AE 88470"},
    {"of soldiers, in small letters", "Unit 5 box 3\nAPO AE 12345", ""},
    {"a street called otherwise, alone", "it has 12 Key Points today", ""},
    {"Slovene", "na Slovenska cesta 8 danes", "Slovenska cesta 8"},
    {"words before a street", "she moved to Parkstraat 8 then", "Parkstraat 8"},
    {"a block and a house", "64918 Hansgatan 120\n Suite 265", "64918 Hansgatan 120\n Suite 265"},
    {"a count", "there are 12 monkeys in 3 trees", ""},
    {"a number before a name", "version 12 Beta is out", ""},
    {"a date", "on 5 March we left", ""},
};

TEST(R29Address, IsOneLocation) {
  for (const auto& c : kAddresses) {
    EXPECT_EQ(found_in(EntityType::Location, c.text), c.want) << c.name;
  }
}

constexpr PlaceCase kTimes[] = {
    {"a half of the day", "meet at 10:30 am or 5pm", "10:30 am ; 5pm"},
    {"dotted", "from 9 a.m. on", "9 a.m."},
    {"a whole day", "the train at 14:05 leaves", "14:05"},
    {"a ratio", "a ratio of 16:10 is wide", ""},
    {"a year after a preposition", "it opened in 1998.", "1998"},
    {"a count after a preposition", "one of 2000 users", ""},
    {"a number like a year", "error 2021 occurred", ""},
    {"a weekday", "see you Monday then", "Monday"},
    {"a weekday with its date", "due Friday, March 5th, 2021!", "Friday, March 5th, 2021"},
    {"a day and its time", "on 1988-09-27 16:53:08.703535, the", "1988-09-27 16:53:08.703535"},
    {"a year in a title", "the Civil Rights Act of 1964 protects", "1964"},
    {"a year before a name", "drives a 1988 Volvo", "1988"},
    {"a count after an article", "the 2000 users of it", ""},
    {"day, short month, year", "since 5 Mar 2021.", "5 Mar 2021"},
};

TEST(R29DateTime, KnowsTimesYearsAndWeekdays) {
  for (const auto& c : kTimes) EXPECT_EQ(found_in(EntityType::DateTime, c.text), c.want) << c.name;
}

TEST(R29Address, IsTheSameAtEveryCut) {
  Catalog catalog;
  catalog.add(make_pii_detector(all_types(catalog)));
  const auto check = [&](std::string_view text) {
    const auto whole = show(catalog, block_scan(catalog, text));
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), whole) << text << "\ncut " << cut;
    }
  };
  for (const auto& c : kAddresses) check(c.text);
  for (const auto& c : kTimes) check(c.text);
}

// Pieces of addresses and names in any order reach what no example does.
TEST(R29Address, IsTheSameHoweverTextIsCut) {
  Catalog catalog;
  catalog.add(make_pii_detector(all_types(catalog)));
  constexpr std::string_view parts[] = {
      "12 ",    "Oak ",        "Street",    ", ",     "Austin",      ", TX ",  "78701",
      "rue ",   "de la ",      "Paix",      "Apt 4",  "Via ",        "Roma ",  "5 ",
      "Mr. ",   "Jon",         " ",         "\"",     ": ",          "U.S. ",  "J. ",
      "French", " bank ",      "in ",       "Monday", "of ",         "10:30",  " a.m.",
      "\n",     "van ",        "PSC ",      "Box ",   "APO AE ",     "Knolls", "\n, ",
      "Israel", " and ",       "8 ",        "> ",     "gatan ",      "cesta ", "Calle Mayor, ",
      "Unit ",  "box ",        "l'etoile ", "Fax: ",  "call me at ", "386 ",   "3694",
      " x28",   "2024-03-05 ", "14:30:00",  "nad ",   "Trg "};
  std::mt19937 random(13);
  for (int round = 0; round < 1500; ++round) {
    std::string text;
    const std::size_t count = 4 + random() % 90;
    for (std::size_t i = 0; i < count; ++i) text += parts[random() % std::size(parts)];
    const auto whole = show(catalog, block_scan(catalog, text));
    ASSERT_EQ(show(catalog,
                   scan_pieces(catalog, text, random_cuts(random, text.size(), 1 + random() % 64))),
              whole)
        << text;
  }
}

}  // namespace
}  // namespace capsem::detect
