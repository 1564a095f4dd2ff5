// Expressions of the template language.
#pragma once

#include "chat/node.hpp"
#include "chat/token_stream.hpp"

#include <set>

namespace pq::jinja {

class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& stream) : stream_(stream) {}

  ExpressionPtr expression() { return conditional(); }
  /// "a, b" is a tuple. `with_conditional`: "x if y" is allowed at the top.
  ExpressionPtr tuple(bool with_conditional);
  /// Filters without a value, after "set NAME |" or "filter": applied to the name kBlockName. `begins_with_bar`: at the "|".
  ExpressionPtr block_filters(bool begins_with_bar);
  /// A name, "namespace.attribute", or several of them.
  Target target(bool with_attribute);
  /// Names read so far, to see whether a macro uses `caller`, `varargs` or `kwargs`.
  std::set<std::string>& names_read() { return names_read_; }

 private:
  ExpressionPtr conditional();
  ExpressionPtr logic_or();
  ExpressionPtr logic_and();
  ExpressionPtr logic_not();
  ExpressionPtr comparison();
  ExpressionPtr sum();
  ExpressionPtr concat();
  ExpressionPtr product();
  ExpressionPtr power();
  ExpressionPtr unary(bool with_filters);
  ExpressionPtr primary();
  ExpressionPtr name();
  ExpressionPtr number();
  ExpressionPtr strings();
  ExpressionPtr parentheses();
  ExpressionPtr list();
  ExpressionPtr dict();
  ExpressionPtr postfix(ExpressionPtr value);
  ExpressionPtr member(ExpressionPtr object);
  ExpressionPtr subscript(ExpressionPtr object);
  ExpressionPtr call(ExpressionPtr callee);
  ExpressionPtr filters_and_tests(ExpressionPtr value);
  ExpressionPtr filter(ExpressionPtr value);
  ExpressionPtr test(ExpressionPtr value);
  bool spread_argument(CallArguments& arguments);
  CallArguments call_arguments();
  std::string dotted_name();
  Target single_target(bool with_attribute);
  bool ends_tuple() const;

  TokenStream& stream_;
  std::set<std::string> names_read_;
  int nesting_ = 0;
};

}  // namespace pq::jinja
