#include "common/printable.hpp"

#include <fmt/format.h>

namespace pq::hf {

std::string shown(std::string_view text) {
  constexpr std::size_t kLimit = 120;
  std::string result = "'";
  for (const char c : text.substr(0, kLimit)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F)
      result += fmt::format("\\x{:02x}", byte);
    else
      result += c;
  }
  return result + (text.size() > kLimit ? "...'" : "'");
}

}  // namespace pq::hf
