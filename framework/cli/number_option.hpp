// Options that take a whole number.
#pragma once

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstddef>
#include <string>

namespace pq::cli {

/// "Samples to run (1 to 64)." of "Samples to run."
template <class Low, class High>
std::string with_range(std::string sentence, Low low, High high) {
  const std::size_t end = sentence.ends_with('.') ? sentence.size() - 1 : sentence.size();
  return sentence.insert(end, fmt::format(" ({} to {})", low, high));
}

/// Refuses other numbers than those from `low` to `high`, and says so in the help; the parser's own words for it ("N:INT in [1 - 64]") are left out.
template <class Number>
CLI::Option* between(CLI::Option* option, Number low, Number high) {
  return option->description(with_range(option->get_description(), low, high))
      ->type_name("N")
      ->check(CLI::Range(low, high).description(""));
}

}  // namespace pq::cli
