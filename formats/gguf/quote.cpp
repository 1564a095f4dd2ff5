#include "quote.hpp"

#include <polyquant/base/text.hpp>

#include <fmt/format.h>

namespace pq::gguf {

std::string quote(std::string_view text) {
  constexpr std::size_t kLimit = 100;  // bytes; a name in a message only has to be recognised
  const bool cut = text.size() > kLimit;
  const bool as_is = !cut && is_utf8(text);
  std::string result = "'";
  for (const char c : text.substr(0, kLimit)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = byte >= 0x20 && byte != 0x7F && (byte < 0x80 || as_is);
    if (plain)
      result += c;
    else
      result += fmt::format("\\x{:02x}", byte);
  }
  return result + (cut ? "...'" : "'");
}

}  // namespace pq::gguf
