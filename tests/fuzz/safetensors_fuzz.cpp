// Bytes as a .safetensors file through the plugin, as a file whose header's length fits, and as an index.
#include "open_and_read.hpp"

#include "common/index.hpp"

#include <polyquant/base/error.hpp>

#include <cstring>
#include <string>
#include <string_view>

namespace {

// Damage behind the length is soon refused because of the length alone; with the right one it reaches the parser.
std::string with_fitting_length(std::string_view text) {
  std::string file(text);
  const std::size_t end = file.rfind('}');
  if (file.size() < 8 || end == std::string::npos || end < 8) return file;
  const std::uint64_t length = end + 1 - 8;
  std::memcpy(file.data(), &length, sizeof length);
  return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto& format = *pq_test::load_format("safetensors", "safetensors").release();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  pq_fuzz::open_and_read(format, std::as_bytes(std::span(text)));
  const std::string fitting = with_fitting_length(text);
  pq_fuzz::open_and_read(format, std::as_bytes(std::span(fitting)));
  try {
    pq::hf::parse_index(text, "index");
  } catch (const pq::FormatError&) {
  }
  return 0;
}
