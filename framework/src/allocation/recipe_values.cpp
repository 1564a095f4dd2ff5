#include "allocation/recipe_values.hpp"

#include <polyquant/base/error.hpp>

#include <charconv>
#include <optional>

namespace pq {
namespace {

constexpr std::int64_t kMost = 1'000'000;  // far above every model; products of two stay exact

std::optional<std::int64_t> number_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0 || number > kMost) return {};
  return number;
}

std::vector<Node> items_of(const Node& value, const std::string& key, const char* what) {
  if (value.is_scalar()) return {value};
  if (!value.is_sequence() || value.items().empty())
    throw_at(value.mark(), "'" + key + "' must be a " + what + " or a list of them");
  return value.items();
}

}  // namespace

std::vector<std::string> words_of(const Node& value, const std::string& key) {
  std::vector<std::string> words;
  for (const Node& item : items_of(value, key, "word")) words.push_back(item.as_string(key));
  return words;
}

std::int64_t positive_of(const Node& value, const std::string& key) {
  const std::int64_t number = value.as_int(key);
  if (number < 1) throw_at(value.mark(), "'" + key + "' must be at least 1, got '" + value.text() + "'");
  return number;
}

std::vector<std::int64_t> numbers_of(const Node& value, const std::string& key) {
  std::vector<std::int64_t> numbers;
  for (const Node& item : items_of(value, key, "number")) {
    numbers.push_back(item.as_int(key));
    if (numbers.back() < 0)
      throw_at(item.mark(), "'" + key + "' must be at least 0, got '" + item.text() + "'");
  }
  return numbers;
}

Share share_of(const Node& value, const std::string& key) {
  const std::string text = value.as_string(key);
  const std::size_t slash = text.find('/');
  const auto above = number_in(text.substr(0, slash));
  const auto below =
      slash == std::string::npos ? std::optional<std::int64_t>(0) : number_in(text.substr(slash + 1));
  if (!above || !below || (slash != std::string::npos && *below == 0))
    throw_at(value.mark(),
             "'" + key + "' must be a number such as 4 or a share such as 1/8, got '" + text + "'");
  return {*above, *below};
}

}  // namespace pq
