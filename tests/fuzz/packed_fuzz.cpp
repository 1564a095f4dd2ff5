// Bytes as the weights of a folder with packed layers: codes, zeros, scales and orders of columns that do not belong together.
#include "open_and_read.hpp"

#include "awq/format.hpp"
#include "gptq/format.hpp"

#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto gptq = pq::hf::make_gptq_format(pq::Node());
  static const auto awq = pq::hf::make_awq_format(pq::Node());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pq_fuzz::open_and_read(*gptq, std::as_bytes(std::span(text)));
  pq_fuzz::open_and_read(*awq, std::as_bytes(std::span(text)));
  return 0;
}
