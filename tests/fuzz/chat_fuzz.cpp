// Any bytes as a chat template: rendered within bounds, or refused with an error of ours.
#include "chat/chat_template.hpp"

#include <polyquant/base/error.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace {

pq::Json conversation() {
  return pq::parse_json(
      R"([{"role": "system", "content": "s"}, {"role": "user", "content": [{"type": "text", "text": "a b"}]},
          {"role": "assistant", "content": null, "n": [1, 2.5, true], "tool_calls": [{"function": {"name": "f", "arguments": {"x": "é"}}}]}])",
      "fuzz");
}

// Small, so that an endless template costs milliseconds.
pq::jinja::Limits limits() {
  pq::jinja::Limits result;
  result.output_bytes = 1 << 18;
  result.value_bytes = 1 << 24;
  result.steps = 50'000;
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const pq::Json messages = conversation();
  try {
    const pq::ChatTemplate chat({reinterpret_cast<const char*>(data), size}, "fuzz", limits());
    pq::ChatOptions options;
    options.tools = messages;
    options.variables = {{"bos_token", pq::Json("<s>")}};
    chat.render(messages, options);
  } catch (const pq::FormatError&) {
  }
  return 0;
}
