// How parsers make nodes, with a bound on their depth: evaluation and destruction recurse into them.
#pragma once

#include "chat/limits.hpp"
#include "chat/node.hpp"
#include "chat/template_error.hpp"

#include <algorithm>

namespace pq::jinja {

[[noreturn]] inline void fail_too_deep(std::size_t line) {
  throw TemplateError("the template is nested more than " + std::to_string(kMaxSyntaxDepth) + " levels deep",
                      line);
}

/// Counts a level of the parser's own recursion while it lives.
class ParserLevel {
 public:
  ParserLevel(int& level, std::size_t line) : level_(level) {
    if (level_ >= kMaxSyntaxDepth) fail_too_deep(line);
    ++level_;
  }
  ~ParserLevel() { --level_; }
  ParserLevel(const ParserLevel&) = delete;
  ParserLevel& operator=(const ParserLevel&) = delete;

 private:
  int& level_;
};

inline int depth_of(const ExpressionPtr& child) { return child == nullptr ? 0 : child->depth; }

inline int depth_of(const Expressions& children) {
  int depth = 0;
  for (const ExpressionPtr& child : children) depth = std::max(depth, child->depth);
  return depth;
}

inline int depth_of(const CallArguments& arguments) {
  int depth =
      std::max({depth_of(arguments.positional), depth_of(arguments.more), depth_of(arguments.more_named)});
  for (const auto& [name, value] : arguments.named) depth = std::max(depth, value->depth);
  return depth;
}

/// A node of `data`, which is inside `depth` others.
template <class Data>
ExpressionPtr make_expression(Data data, std::size_t line, int depth) {
  if (depth >= kMaxSyntaxDepth) fail_too_deep(line);
  return std::make_shared<const Expression>(Expression{std::move(data), line, depth + 1});
}

}  // namespace pq::jinja
