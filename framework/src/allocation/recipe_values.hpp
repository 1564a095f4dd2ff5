// Values of the conditions in recipes.
#pragma once

#include <polyquant/base/node.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq {

/// A word, or a list of words that is not empty. All functions here throw ConfigError at the value.
std::vector<std::string> words_of(const Node& value, const std::string& key);
/// A whole number that is at least 1.
std::int64_t positive_of(const Node& value, const std::string& key);
/// A whole number that is at least 0, or a list of them that is not empty.
std::vector<std::int64_t> numbers_of(const Node& value, const std::string& key);

/// A number of places, written as a whole number or as a share of all places such as 1/8.
struct Share {
  std::int64_t above = 0;
  std::int64_t below = 0;  // 0 = `above` is the number itself
  /// Rounded down, in whole numbers.
  std::int64_t of(std::int64_t places) const { return below == 0 ? above : places * above / below; }
};
Share share_of(const Node& value, const std::string& key);

}  // namespace pq
