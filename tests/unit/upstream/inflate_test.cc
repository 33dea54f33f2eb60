#include "server/upstream/inflate.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <string>
#include <vector>

namespace capsem::upstream {
namespace {

std::string zlib_packed(const std::string& text, int window_bits) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string zstd_packed(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

// "[1,2]" in one uncompressed brotli meta-block and an empty last one.
const std::string kBrotli("\x0b\x02\x80[1,2]\x03", 9);

const std::string kText = R"({"answer":"a text that is long enough to be packed, packed, packed"})";

struct Case {
  const char* encoding;
  std::string packed;
  std::string text;
};

std::vector<Case> cases() {
  return {{"gzip", zlib_packed(kText, 15 + 16), kText},
          {"x-gzip", zlib_packed(kText, 15 + 16), kText},
          {"deflate", zlib_packed(kText, 15), kText},
          {"deflate", zlib_packed(kText, -15), kText},  // the raw form some servers send
          {"zstd", zstd_packed(kText), kText},
          {"br", kBrotli, "[1,2]"}};
}

TEST(Inflater, DecodesEveryEncodingHoweverItIsCut) {
  for (const Case& c : cases()) {
    for (std::size_t cut = 0; cut <= c.packed.size(); ++cut) {
      SCOPED_TRACE(testing::Message() << c.encoding << ", cut at byte " << cut);
      const auto inflater = Inflater::make(c.encoding, {});
      ASSERT_NE(inflater, nullptr);
      std::string out;
      EXPECT_TRUE(inflater->feed(c.packed.substr(0, cut), out));
      EXPECT_TRUE(inflater->feed(c.packed.substr(cut), out));
      EXPECT_EQ(out, c.text);
      EXPECT_TRUE(inflater->complete());
    }
  }
}

TEST(Inflater, ATruncatedTextIsNotComplete) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.encoding);
    const auto inflater = Inflater::make(c.encoding, {});
    std::string out;
    EXPECT_TRUE(inflater->feed(c.packed.substr(0, c.packed.size() - 1), out));
    EXPECT_FALSE(inflater->complete());
  }
}

TEST(Inflater, DamageIsAnError) {
  for (const char* encoding : {"gzip", "br", "zstd"}) {
    SCOPED_TRACE(encoding);
    std::string out;
    EXPECT_FALSE(Inflater::make(encoding, {})->feed(std::string(64, '\xff'), out));
  }
}

TEST(Inflater, T08_ABombIsCutAtTheRatioAndAtTheSize) {
  const std::string bomb = zlib_packed(std::string(8u << 20, 'a'), 15 + 16);
  std::string out;
  EXPECT_FALSE(Inflater::make("gzip", {64u << 20, 100})->feed(bomb, out));
  EXPECT_LE(out.size(), (1u << 20) + (64u << 10));
  out.clear();
  EXPECT_FALSE(Inflater::make("gzip", {2u << 20, 1'000'000})->feed(bomb, out));
  EXPECT_LE(out.size(), (2u << 20) + (64u << 10));
  out.clear();
  EXPECT_FALSE(Inflater::make("zstd", {2u << 20, 1'000'000})
                   ->feed(zstd_packed(std::string(8u << 20, 'a')), out));
}

TEST(Inflater, UnknownEncodingsAreNotDecoded) {
  for (const char* encoding : {"lzma", "gzip, br", "compress", ""}) {
    EXPECT_EQ(Inflater::make(encoding, {}), nullptr) << encoding;
  }
}

}  // namespace
}  // namespace capsem::upstream
