// Stored keys are found in every spelling, at every cut, and never reported as text.
#include "core/detect/own_keys.h"

#include <algorithm>

#include "core/base/random.h"
#include "tests/unit/detect/helpers.h"

namespace capsem::detect {
namespace {

using namespace testing;

constexpr std::string_view kKey = "sk-proj-Ab3/+9xQ~z_7.kLmNoPqRsTuVwXyZ0123456789ABC";  // 50 bytes

Catalog catalog_of(const std::vector<std::string>& keys) {
  Catalog catalog;
  std::vector<KeyToFind> find;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    find.push_back({keys[i], catalog.add_rule("key-" + std::to_string(i))});
  }
  catalog.add(make_own_key_detector(find));
  return catalog;
}

std::string base64(std::string_view bytes, bool url) {
  static constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  static constexpr std::string_view kUrl =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const std::string_view digits = url ? kUrl : kPlain;
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    const std::size_t n = std::min<std::size_t>(3, bytes.size() - i);
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (k < n ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += k <= n ? digits[group >> (18 - 6 * k) & 63] : '=';
    }
  }
  return text;
}

std::string hex(std::string_view bytes, const char* format) {
  std::string text;
  for (const char c : bytes) {
    char digits[8];
    std::snprintf(digits, sizeof digits, format, static_cast<unsigned char>(c));
    text += digits;
  }
  return text;
}

std::vector<std::string> copies_of(std::string_view key) {
  std::string reversed(key.rbegin(), key.rend());
  std::string needed;
  for (const char c : key) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                       std::string_view("-._~").find(c) != std::string_view::npos;
    needed += plain ? std::string(1, c) : hex(std::string(1, c), "%%%02X");
  }
  std::vector<std::string> copies = {
      std::string(key),   hex(key, "%02x"), hex(key, "%02X"), hex(key, "%%%02x"),
      hex(key, "%%%02X"), needed,           reversed};
  for (const std::string before : {"", "x", "xy", "xyz", "{\"key\":\""}) {
    for (const bool url : {false, true}) {
      copies.push_back(base64(before + std::string(key) + "and more", url));
      copies.push_back(base64(before + std::string(key), url));
    }
  }
  return copies;
}

TEST(OwnKeys, EverySpellingIsFoundWhereverItStands) {
  const Catalog catalog = catalog_of({std::string(kKey)});
  for (const std::string& copy : copies_of(kKey)) {
    for (const std::string before : {"", "use ", "aaaa", "c2", "sk-sk-proj-"}) {
      const auto found = block_scan(catalog, before + copy + " please");
      ASSERT_FALSE(found.empty()) << copy;
      EXPECT_EQ(found[0].rule, 0);
    }
  }
}

TEST(OwnKeys, KeysOfEveryLength) {
  std::mt19937 random(3);
  for (std::size_t size = kOwnKeyBytesMin; size < 220; size += size < 60 ? 1 : 37) {
    std::string key = "sk-";
    while (key.size() < size) key += static_cast<char>("abcXYZ019_-+/"[random() % 13]);
    const Catalog catalog = catalog_of({key});
    for (const std::string& copy : copies_of(key)) {
      ASSERT_FALSE(block_scan(catalog, "see " + copy).empty()) << size << " " << copy;
    }
  }
}

TEST(OwnKeys, ShorterOnesAreNotLookedFor) {
  const std::string key(kOwnKeyBytesMin - 1, 'k');
  EXPECT_TRUE(block_scan(catalog_of({key}), "here: " + key).empty());
}

TEST(OwnKeys, WhatIsNoCopyIsNotFound) {
  const Catalog catalog = catalog_of({std::string(kKey)});
  const std::string key(kKey);
  for (const std::string& text :
       {std::string("sk-proj-"), key.substr(0, kOwnKeyBytes - 1), key.substr(1), std::string(),
        key.substr(0, 20) + " " + key.substr(20), hex(key.substr(0, 40), "%02x"),
        std::string("the quick brown fox jumps over the lazy dog 0123456789")}) {
    EXPECT_TRUE(block_scan(catalog, text).empty()) << text;
  }
}

TEST(OwnKeys, SpellingsFitTheLocalityOfDetectors) {
  for (const std::string& key : {std::string(kKey), std::string(4'096, 'k'),
                                 std::string(4'096, '\xff'), std::string(16, '%')}) {
    for (const std::string& spelling : spellings_of(key)) {
      EXPECT_GE(spelling.size(), 16u);
      EXPECT_LT(spelling.size(), kLookAhead);
    }
  }
}

// T16: whichever way a text is cut, the same is found, and nothing of a copy counts as decided
// before the copy is complete.
TEST(OwnKeys, AtEveryCut) {
  const Catalog catalog =
      catalog_of({std::string(kKey), "sk-ant-api03-0123456789abcdefghijklmnop"});
  for (const std::string& copy : copies_of(kKey)) {
    const std::string text = "the key is " + copy + ", keep it";
    const std::string whole = show(catalog, block_scan(catalog, text));
    ASSERT_NE(whole, "");
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      ASSERT_EQ(show(catalog, scan_pieces(catalog, text, {cut})), whole) << copy << " " << cut;
    }
    std::vector<std::size_t> bytes;
    for (std::size_t cut = 1; cut < text.size(); ++cut) bytes.push_back(cut);
    ASSERT_EQ(show(catalog, scan_pieces(catalog, text, bytes)), whole);
  }
}

TEST(OwnKeys, NothingOfACopyIsDecidedBeforeItIsWhole) {
  const Catalog catalog = catalog_of({std::string(kKey)});
  for (const std::string& spelling : spellings_of(kKey)) {
    CatalogScratch scratch(catalog);
    Lane lane(catalog, 1);
    std::vector<Finding> found;
    ASSERT_TRUE(lane.feed("so: ", scratch, found));
    for (std::size_t i = 0; i < spelling.size(); ++i) {
      ASSERT_TRUE(found.empty());
      ASSERT_LE(lane.decided(), 4u) << spelling << " " << i;
      ASSERT_TRUE(lane.feed(spelling.substr(i, 1), scratch, found));
    }
    ASSERT_TRUE(lane.finish(scratch, found));
    EXPECT_FALSE(found.empty()) << spelling;
  }
}

TEST(OwnKeys, ManyKeysAreToldApart) {
  std::vector<std::string> keys;
  std::mt19937 random(7);
  for (int k = 0; k < 100; ++k) {
    std::string key = "sk-proj-";
    for (int i = 0; i < 40; ++i) key += static_cast<char>('a' + random() % 26);
    keys.push_back(std::move(key));
  }
  const Catalog catalog = catalog_of(keys);
  for (std::size_t k = 0; k < keys.size(); ++k) {
    for (const std::string& copy : copies_of(keys[k])) {
      const auto found = block_scan(catalog, copy);
      ASSERT_EQ(found.size(), 1u) << copy;
      EXPECT_EQ(found[0].rule, k);
    }
  }
}

}  // namespace
}  // namespace capsem::detect
