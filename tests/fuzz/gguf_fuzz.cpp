#include "open_and_read.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& format = *pq_test::load_format("gguf", "gguf").release();
  pq_fuzz::open_and_read(format, std::as_bytes(std::span(data, size)));
  return 0;
}
