#include "common/size.hpp"

#include "common/printable.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace pq::hf {

std::uint64_t parse_size(std::string_view text, std::string_view option, const Mark& mark) {
  constexpr std::array<std::pair<std::string_view, std::uint64_t>, 14> kUnits = {{{"", 1},
                                                                                  {"B", 1},
                                                                                  {"K", 1'000},
                                                                                  {"KB", 1'000},
                                                                                  {"M", 1'000'000},
                                                                                  {"MB", 1'000'000},
                                                                                  {"G", 1'000'000'000},
                                                                                  {"GB", 1'000'000'000},
                                                                                  {"T", 1'000'000'000'000},
                                                                                  {"TB", 1'000'000'000'000},
                                                                                  {"KiB", 1ull << 10},
                                                                                  {"MiB", 1ull << 20},
                                                                                  {"GiB", 1ull << 30},
                                                                                  {"TiB", 1ull << 40}}};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (error == std::errc() && number > 0)
    for (const auto& [name, bytes] : kUnits)
      if (unit == name)
        if (const auto result = checked_mul(number, bytes)) return *result;
  throw_at(mark, fmt::format("'{}' must be a size above zero such as 500MB, 5GB or 2GiB, got {}", option,
                             shown(text)));
}

}  // namespace pq::hf
