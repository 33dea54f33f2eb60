// The SSE parser: however the input is cut, the same events come out, and the raw bytes of all
// events and the pending rest are the input.
#include "core/wire/json.h"
#include "core/wire/sse.h"
#include "fuzz/support.h"

namespace capsem::fuzz {
namespace {

struct Recorder : wire::SseSink {
  std::string events, raw;
  Status on_event(const wire::SseEvent& event) override {
    raw += event.raw;
    // The padding behind the data must be readable: the sanitizer watches.
    volatile char last = event.data.empty() ? '\0' : event.data.data()[event.data.size() + 63];
    static_cast<void>(last);
    if (event.has_data) {
      events.append(event.name).append("\x01").append(event.data).append("\x02");
    }
    return {};
  }
};

Recorder parse(const std::vector<std::string_view>& pieces, bool& ok) {
  Recorder recorder;
  wire::SseParser parser(4096);
  ok = true;
  for (const auto piece : pieces) ok = ok && parser.feed(piece, recorder).has_value();
  ok = ok && parser.finish(recorder).has_value();
  return recorder;
}

}  // namespace
}  // namespace capsem::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capsem::fuzz;
  const auto text = as_text(data, size);
  bool whole_ok = false;
  const auto whole = parse({text}, whole_ok);
  if (whole_ok) check(whole.raw == text, "raw bytes are the input");
  for (const std::uint64_t way : {0, 1, 2}) {
    bool ok = false;
    const auto cut_up = parse(cut(text, way), ok);
    check(ok == whole_ok, "a cut changes whether the stream is accepted");
    check(cut_up.events == whole.events, "a cut changes the events");
    check(cut_up.raw == whole.raw, "a cut changes the raw bytes");
  }
  return 0;
}
