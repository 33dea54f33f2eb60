// Reads a JSON text with a codec and keeps what it said.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/codec/codec.h"
#include "core/event/event.h"
#include "core/wire/json.h"

namespace capsem::test {

struct Said {
  event::Text text;  // its views are dead; `words` and `ref` are what they showed
  std::string words;
  std::string ref;
};

struct Unchecked {
  std::string surface, reason;
  bool operator==(const Unchecked&) const = default;
};

class Collector : public event::TextSink {
 public:
  void on_text(const event::Text& text) override {
    said.push_back({text, std::string(text.text), std::string(text.tool_ref)});
  }
  void on_scope_end(std::uint64_t scope) override { ended.push_back(scope); }
  void on_unchecked(std::string_view surface, std::string_view reason) override {
    unchecked.push_back({std::string(surface), std::string(reason)});
  }

  // Returns the first text that contains `words`, or nullptr.
  const Said* find(std::string_view words) const {
    for (const Said& one : said) {
      if (one.words.find(words) != std::string::npos) return &one;
    }
    return nullptr;
  }

  // All originals of a point and part, joined in order.
  std::string joined(event::Point point, event::Part part = event::Part::Text) const {
    std::string out;
    for (const Said& one : said) {
      if (one.text.point == point && one.text.part == part && !one.text.repeat) out += one.words;
    }
    return out;
  }

  std::vector<Said> said;
  std::vector<std::uint64_t> ended;
  std::vector<Unchecked> unchecked;
};

// Reads what `where` says the text is. Fails the caller's expectations by returning false.
class Reading : public Collector {
 public:
  bool request(codec::Dialect dialect, std::string_view text) {
    return with(text, [&] {
      return codec::codec_for(dialect).read_request(json_, request_facts, *this).has_value();
    });
  }
  bool response(codec::Dialect dialect, std::string_view text) {
    return with(text, [&] {
      return codec::codec_for(dialect).read_response(json_, response_facts, *this).has_value();
    });
  }
  bool event(codec::Dialect dialect, std::string_view text, std::string_view name = {}) {
    return with(text, [&] {
      return codec::codec_for(dialect).read_event(name, json_, response_facts, *this).has_value();
    });
  }
  bool read(codec::Where where, codec::Dialect dialect, std::string_view text,
            std::string_view name = {}) {
    switch (where) {
      case codec::Where::Request:
        return request(dialect, text);
      case codec::Where::Response:
        return response(dialect, text);
      case codec::Where::Stream:
        return event(dialect, text, name);
    }
    return false;
  }

  event::RequestFacts request_facts;
  event::ResponseFacts response_facts;
  std::string error;

 private:
  template <class F>
  bool with(std::string_view text, F&& read_it) {
    padded_ = text;
    padded_.append(wire::JsonReader::kPadding, ' ');
    const Status parsed = json_.parse(std::string_view(padded_).substr(0, text.size()));
    if (!parsed) {
      error = parsed.error().detail;
      return false;
    }
    return read_it();
  }

  wire::JsonReader json_;
  std::string padded_;
};

}  // namespace capsem::test
