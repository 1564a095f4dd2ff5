#include "config/pattern.hpp"

#include "tokenizer/regex.hpp"

#include <polyquant/base/error.hpp>

namespace pq {
namespace {
// The cost of compiling grows with repeat counts; no rule on tensor names comes near this.
constexpr std::size_t kMaxLength = 1000;
constexpr std::size_t kMaxShown = 100;  // of a name in messages
}  // namespace

struct Pattern::Compiled {
  Regex expression;
  std::string text;
};

Pattern::Pattern(const std::string& expression) {
  if (expression.size() > kMaxLength)
    throw ConfigError("the regular expression has " + std::to_string(expression.size()) +
                      " characters; at most " + std::to_string(kMaxLength) + " are allowed");
  try {
    compiled_ =
        std::make_shared<const Compiled>(Compiled{Regex(expression, Regex::Dialect::ecmascript), expression});
  } catch (const FormatError& error) {
    throw ConfigError(error.what());
  }
}

bool Pattern::matches(std::string_view name) const {
  try {
    return static_cast<bool>(compiled_->expression.find(name, 0, true));
  } catch (const FormatError&) {
    throw ConfigError("the expression '" + compiled_->text + "' takes too long on " +
                      (name.size() > kMaxShown ? "a name of " + std::to_string(name.size()) + " bytes"
                                               : "the name '" + std::string(name) + "'") +
                      "; write it without a repeat inside a repeat, such as (a+)+");
  }
}

}  // namespace pq
