#include "config/pattern.hpp"

#include <polyquant/base/error.hpp>

#include <locale>
#include <regex>

namespace pq {
namespace {
// The cost of compiling grows with repeat counts; no rule on tensor names comes near this.
constexpr std::size_t kMaxLength = 1000;
}  // namespace

struct Pattern::Compiled {
  std::regex expression;
};

Pattern::Pattern(const std::string& expression) {
  if (expression.size() > kMaxLength)
    throw ConfigError("the regular expression has " + std::to_string(expression.size()) +
                      " characters; at most " + std::to_string(kMaxLength) + " are allowed");
  auto compiled = std::make_shared<Compiled>();
  try {
    compiled->expression.imbue(std::locale::classic());
    compiled->expression.assign(expression, std::regex::ECMAScript | std::regex::optimize);
  } catch (const std::regex_error& error) {
    throw ConfigError("'" + expression + "' is not a regular expression: " + error.what());
  }
  compiled_ = std::move(compiled);
}

bool Pattern::matches(std::string_view name) const {
  return std::regex_search(name.begin(), name.end(), compiled_->expression);
}

}  // namespace pq
