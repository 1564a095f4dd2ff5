// Bytes as the weights of a folder of bitsandbytes: codes, scales and states that do not belong together.
#include "open_and_read.hpp"

#include "bitsandbytes/format.hpp"

#include <polyquant/base/node.hpp>

#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto format = pq::bnb::make_bitsandbytes(pq::Node());
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pq_fuzz::open_and_read(*format, std::as_bytes(std::span(text)));
  return 0;
}
