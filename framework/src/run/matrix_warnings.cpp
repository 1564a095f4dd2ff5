#include "run/matrix_warnings.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace pq {
namespace {

constexpr std::size_t kNamed = 8, kNamedOfMore = 3;  // of a long list only its begin

std::string list_of(const std::vector<std::size_t>& numbers) {
  if (numbers.size() <= kNamed) return fmt::format("{}", fmt::join(numbers, ", "));
  return fmt::format("{}, ... and {} more", fmt::join(numbers.begin(), numbers.begin() + kNamedOfMore, ", "),
                     numbers.size() - kNamedOfMore);
}

}  // namespace

void MatrixWarnings::add(std::size_t chunk, const std::vector<std::string>& texts) {
  const std::size_t matrix = chunk / chunks_per_matrix_;
  for (const std::string& text : texts) {
    auto at = std::find_if(said_.begin(), said_.end(), [&](const auto& line) { return line.first == text; });
    if (at == said_.end()) at = said_.insert(at, {text, {}});
    if (at->second.empty() || at->second.back() != matrix) at->second.push_back(matrix);
  }
}

std::vector<std::string> MatrixWarnings::take() const {
  std::vector<std::string> result;
  for (const auto& [text, numbers] : said_) {
    if (matrices_ < 2)
      result.push_back(text);
    else if (numbers.size() == matrices_)
      result.push_back(fmt::format("{} (all {} matrices of the stack)", text, matrices_));
    else
      result.push_back(fmt::format("{} ({} {} of {} in the stack, counted from 0)", text,
                                   numbers.size() == 1 ? "matrix" : "matrices", list_of(numbers), matrices_));
  }
  return result;
}

}  // namespace pq
