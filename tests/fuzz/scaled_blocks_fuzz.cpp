// Bytes as the weights of a folder with MXFP4 blocks or FP8 tiles: numbers and scales that do not belong together.
#include "open_and_read.hpp"

#include "scaled_blocks/format.hpp"

#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto mxfp4 = pq::hf::make_scaled_blocks_format("mxfp4", "", pq::hf::mxfp4_rule());
  static const auto fp8 = pq::hf::make_scaled_blocks_format("fp8", "", pq::hf::fp8_rule());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pq_fuzz::open_and_read(*mxfp4, std::as_bytes(std::span(text)));
  pq_fuzz::open_and_read(*fp8, std::as_bytes(std::span(text)));
  return 0;
}
