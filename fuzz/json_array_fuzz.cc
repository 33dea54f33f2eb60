// The splitter of a JSON array that arrives in pieces: the same elements however it is cut, raw
// bytes and tail are the input, and the elements of a JSON array are the array's elements.
#include "core/wire/json.h"
#include "core/wire/json_array.h"
#include "fuzz/support.h"

namespace capsem::fuzz {
namespace {

struct Recorder : wire::JsonArraySink {
  std::vector<std::string> elements;
  std::string raw;
  Status on_element(const wire::JsonElement& element) override {
    elements.emplace_back(element.data);
    raw += element.raw;
    return {};
  }
};

struct Outcome {
  Recorder recorder;
  bool fed = true, finished = false;
  bool lone = false;
};

Outcome split(const std::vector<std::string_view>& pieces) {
  Outcome outcome;
  wire::JsonArraySplitter splitter(4096);
  for (const auto piece : pieces) {
    outcome.fed = outcome.fed && splitter.feed(piece, outcome.recorder).has_value();
  }
  const auto tail = splitter.finish();
  outcome.finished = tail.has_value();
  outcome.lone = splitter.lone();
  if (tail) outcome.recorder.raw += *tail;
  return outcome;
}

// A text that is a JSON array must come apart into just its elements.
void agrees_with_reader(std::string_view text, const Outcome& outcome) {
  wire::JsonReader reader;
  const Padded padded(text, wire::JsonReader::kPadding);
  if (!reader.parse(padded.view())) return;
  const auto nodes = reader.nodes();
  if (nodes[0].kind != wire::JsonKind::Array) return;
  check(outcome.finished, "a JSON array is not accepted");
  std::size_t n = 0;
  for (std::size_t i = 1; i < nodes.size(); i = nodes[i].next, ++n) {
    check(n < outcome.recorder.elements.size(), "an element is missing");
    check(
        outcome.recorder.elements[n] == text.substr(nodes[i].begin, nodes[i].end - nodes[i].begin),
        "an element differs");
  }
  check(n == outcome.recorder.elements.size(), "an element too many");
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  const auto text = as_text(data, size);
  const auto whole = split({text});
  if (whole.finished) check(whole.recorder.raw == text, "raw bytes are the input");
  if (size < 4096) agrees_with_reader(text, whole);
  for (const std::uint64_t way : {0, 1, 2}) {
    const auto cut_up = split(cut(text, way));
    check(cut_up.fed == whole.fed && cut_up.finished == whole.finished,
          "a cut changes whether the array is accepted");
    check(cut_up.recorder.elements == whole.recorder.elements, "a cut changes the elements");
    check(!whole.finished || cut_up.recorder.raw == whole.recorder.raw,
          "a cut changes the raw bytes");
  }
  return 0;
}
