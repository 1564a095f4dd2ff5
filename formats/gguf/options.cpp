#include "options.hpp"

#include "quote.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace pq::gguf {
namespace {

std::optional<std::uint64_t> unit_of(std::string_view suffix) {
  if (suffix.empty()) return 1;
  if (suffix == "M") return 1'000'000;
  if (suffix == "G") return 1'000'000'000;
  return std::nullopt;
}

}  // namespace

const Schema<Options>& options_schema() {
  static const Schema<Options> schema =
      Schema<Options>()
          .field("split_max_size", &Options::split_max_size,
                 "Begins a new file before the tensors of one exceed this many bytes, as in 500M or 2G; "
                 "empty for one file.")
          .field("split_max_tensors", &Options::split_max_tensors,
                 "Begins a new file after this many tensors; 0 for one file.", at_least(0));
  return schema;
}

std::uint64_t parse_size(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto unit = unit_of({end, static_cast<std::size_t>(text.data() + text.size() - end)});
  const auto bytes = unit ? checked_mul(number, *unit) : std::nullopt;
  if (error != std::errc() || !bytes || *bytes == 0)
    throw ConfigError(fmt::format(
        "'split_max_size' is {}, it must be a positive number of bytes, or one with M or G as in 500M",
        quote(text)));
  return *bytes;
}

}  // namespace pq::gguf
