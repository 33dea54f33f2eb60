#include "server/http/body_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace capsem::http {
namespace {

using Framing = BodyReader::Framing;
using State = BodyReader::State;

struct Read {
  State state = State::More;
  std::string body;
  std::string left;
};

Read read_in_pieces(Framing framing, std::uint64_t length, const std::vector<std::string>& pieces) {
  BodyReader reader(framing, length, {});
  Read result;
  result.state = reader.state();
  for (const std::string& piece : pieces) {
    std::string_view input = piece;
    while (!input.empty() && reader.state() == State::More) {
      std::string_view body;
      result.state = reader.next(input, body);
      result.body += body;
    }
    if (reader.state() != State::Bad) result.left += input;
  }
  return result;
}

struct Case {
  const char* name;
  std::string input;
  State state;
  std::string body;
  std::string left;
};

std::string repeat(std::string_view text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

const Case kChunked[] = {
    {"one chunk", "2\r\n{}\r\n0\r\n\r\n", State::Done, "{}", ""},
    {"two chunks", "1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", State::Done, "{}", ""},
    {"empty body", "0\r\n\r\n", State::Done, "", ""},
    {"hexadecimal of both cases", "0A\r\n0123456789\r\n0a\r\n0123456789\r\n0\r\n\r\n", State::Done,
     "01234567890123456789", ""},
    {"extension", "2;name=value;x=\"q;\\\"\"\r\n{}\r\n0;y\r\n\r\n", State::Done, "{}", ""},
    {"trailers are dropped", "2\r\n{}\r\n0\r\nX-A: b\r\nY: c\r\n\r\n", State::Done, "{}", ""},
    {"the next message is left alone", "0\r\n\r\nGET /", State::Done, "", "GET /"},
    {"not yet complete", "2\r\n{}\r\n0\r\n", State::More, "{}", ""},
    {"no size", "\r\n{}\r\n0\r\n\r\n", State::Bad, "", ""},
    {"not hexadecimal", "zz\r\n{}\r\n", State::Bad, "", ""},
    {"0x", "0x2\r\n{}\r\n", State::Bad, "", ""},
    {"negative", "-2\r\n{}\r\n", State::Bad, "", ""},
    {"signed", "+2\r\n{}\r\n", State::Bad, "", ""},
    {"blank before the size", " 2\r\n{}\r\n", State::Bad, "", ""},
    {"blank after the size", "2 \r\n{}\r\n", State::Bad, "", ""},
    {"size over 64 bits", "fffffffffffffffff\r\n{}\r\n", State::Bad, "", ""},
    {"bare LF after the size", "2\n{}\r\n0\r\n\r\n", State::Bad, "", ""},
    {"bare CR after the size", "2\r{}\r\n0\r\n\r\n", State::Bad, "", ""},
    {"bare LF after the chunk", "2\r\n{}\n0\r\n\r\n", State::Bad, "{}", ""},
    {"chunk longer than its size", "1\r\n{}\r\n0\r\n\r\n", State::Bad, "{", ""},
    {"bare LF in an extension", "2;a\n\r\n{}\r\n", State::Bad, "", ""},
    {"CR in a quoted extension", "2;a=\"\r\n\"\r\n{}\r\n", State::Bad, "", ""},
    {"NUL in an extension", std::string("2;\0\r\n{}\r\n", 9), State::Bad, "", ""},
    {"extension too long", "2;" + std::string(300, 'a') + "\r\n{}\r\n", State::Bad, "", ""},
    {"size padded for ever", std::string(300, '0') + "2\r\n{}\r\n", State::Bad, "", ""},
    {"trailer without colon", "0\r\nX\r\n\r\n", State::Bad, "", ""},
    {"trailer with a blank in its name", "0\r\nX Y: z\r\n\r\n", State::Bad, "", ""},
    {"folded trailer", "0\r\nX: y\r\n z\r\n\r\n", State::Bad, "", ""},
    {"bare LF ends a trailer", "0\r\nX: y\n\r\n", State::Bad, "", ""},
    {"too many trailers", "0\r\n" + repeat("X: y\r\n", 21) + "\r\n", State::Bad, "", ""},
    {"trailers too large", "0\r\nX: " + std::string(9'000, 'a') + "\r\n\r\n", State::Bad, "", ""},
    {"bare LF at the very end", "0\r\n\n", State::Bad, "", ""},
};

TEST(BodyReader, T01_ChunkedIsReadStrictlyHoweverItIsCut) {
  for (const Case& c : kChunked) {
    for (std::size_t cut = 0; cut <= c.input.size(); ++cut) {
      SCOPED_TRACE(testing::Message() << c.name << ", cut at byte " << cut);
      const Read read =
          read_in_pieces(Framing::Chunked, 0, {c.input.substr(0, cut), c.input.substr(cut)});
      EXPECT_EQ(read.state, c.state);
      EXPECT_EQ(read.body, c.body);
      if (c.state == State::Done) {
        EXPECT_EQ(read.left, c.left);
      }
    }
  }
}

TEST(BodyReader, ChunkedIsReadByteByByte) {
  for (const Case& c : kChunked) {
    SCOPED_TRACE(c.name);
    std::vector<std::string> pieces;
    for (const char byte : c.input) pieces.emplace_back(1, byte);
    const Read read = read_in_pieces(Framing::Chunked, 0, pieces);
    EXPECT_EQ(read.state, c.state);
    EXPECT_EQ(read.body, c.body);
  }
}

TEST(BodyReader, ALengthEndsWhereItSays) {
  const Read read = read_in_pieces(Framing::Length, 4, {"ab", "cdGET /"});
  EXPECT_EQ(read.state, State::Done);
  EXPECT_EQ(read.body, "abcd");
  EXPECT_EQ(read.left, "GET /");
  EXPECT_EQ(BodyReader(Framing::Length, 0, {}).state(), State::Done);
  EXPECT_EQ(BodyReader(Framing::Length, 3, {}).on_close(), State::Bad);
}

TEST(BodyReader, ABodyUntilCloseEndsAtTheClose) {
  BodyReader reader(Framing::UntilClose, 0, {});
  std::string_view input = "abc", body;
  EXPECT_EQ(reader.next(input, body), State::More);
  EXPECT_EQ(body, "abc");
  EXPECT_EQ(reader.on_close(), State::Done);
}

}  // namespace
}  // namespace capsem::http
