#include "chat/expression_parser.hpp"

#include "chat/make_expression.hpp"
#include "chat/number_text.hpp"

#include <charconv>

namespace pq::jinja {
ExpressionPtr ExpressionParser::conditional() {
  const ParserLevel level(nesting_, stream_.current().line);
  ExpressionPtr value = logic_or();
  while (stream_.is_name("if")) {
    const std::size_t line = stream_.next().line;
    const ExpressionPtr condition = logic_or();
    const ExpressionPtr otherwise = stream_.skip_name("else") ? conditional() : nullptr;
    value = make_expression(Conditional{condition, value, otherwise}, line,
                            std::max({depth_of(condition), depth_of(value), depth_of(otherwise)}));
  }
  return value;
}

ExpressionPtr ExpressionParser::logic_or() {
  ExpressionPtr left = logic_and();
  while (stream_.is_name("or")) {
    const std::size_t line = stream_.next().line;
    const ExpressionPtr right = logic_and();
    left = make_expression(Logic{false, left, right}, line, std::max(left->depth, right->depth));
  }
  return left;
}

ExpressionPtr ExpressionParser::logic_and() {
  ExpressionPtr left = logic_not();
  while (stream_.is_name("and")) {
    const std::size_t line = stream_.next().line;
    const ExpressionPtr right = logic_not();
    left = make_expression(Logic{true, left, right}, line, std::max(left->depth, right->depth));
  }
  return left;
}

ExpressionPtr ExpressionParser::logic_not() {
  if (!stream_.is_name("not")) return comparison();
  const ParserLevel level(nesting_, stream_.current().line);
  const std::size_t line = stream_.next().line;
  const ExpressionPtr operand = logic_not();
  return make_expression(Unary{"not", operand}, line, operand->depth);
}

ExpressionPtr ExpressionParser::comparison() {
  constexpr std::string_view kOperators[] = {"==", "!=", "<", "<=", ">", ">="};
  const std::size_t line = stream_.current().line;
  Comparison node{sum(), {}};
  int depth = node.first->depth;
  while (true) {
    std::string op;
    if (stream_.is(TokenKind::op) && std::find(std::begin(kOperators), std::end(kOperators),
                                               stream_.current().text) != std::end(kOperators))
      op = stream_.next().text;
    else if (stream_.skip_name("in"))
      op = "in";
    else if (stream_.is_name("not") && stream_.following().kind == TokenKind::name &&
             stream_.following().text == "in")
      op = (stream_.next(), stream_.next(), "not in");
    else
      break;
    node.rest.emplace_back(op, sum());
    depth = std::max(depth, node.rest.back().second->depth);
  }
  if (node.rest.empty()) return node.first;
  return make_expression(std::move(node), line, depth);
}

ExpressionPtr ExpressionParser::sum() {
  ExpressionPtr left = concat();
  while (stream_.is_op("+") || stream_.is_op("-")) {
    const Token op = stream_.next();
    const ExpressionPtr right = concat();
    left = make_expression(Binary{op.text, left, right}, op.line, std::max(left->depth, right->depth));
  }
  return left;
}

ExpressionPtr ExpressionParser::concat() {
  const std::size_t line = stream_.current().line;
  Concat node;
  node.items.push_back(product());
  while (stream_.skip_op("~")) node.items.push_back(product());
  if (node.items.size() == 1) return node.items.front();
  const int depth = depth_of(node.items);
  return make_expression(std::move(node), line, depth);
}

ExpressionPtr ExpressionParser::product() {
  ExpressionPtr left = power();
  while (stream_.is_op("*") || stream_.is_op("/") || stream_.is_op("//") || stream_.is_op("%")) {
    const Token op = stream_.next();
    const ExpressionPtr right = power();
    left = make_expression(Binary{op.text, left, right}, op.line, std::max(left->depth, right->depth));
  }
  return left;
}

// From left to right, unlike Python: jinja2/parser.py, parse_pow.
ExpressionPtr ExpressionParser::power() {
  ExpressionPtr left = unary(true);
  while (stream_.is_op("**")) {
    const std::size_t line = stream_.next().line;
    const ExpressionPtr right = unary(true);
    left = make_expression(Binary{"**", left, right}, line, std::max(left->depth, right->depth));
  }
  return left;
}

ExpressionPtr ExpressionParser::unary(bool with_filters) {
  const ParserLevel level(nesting_, stream_.current().line);
  ExpressionPtr value;
  if (stream_.is_op("-") || stream_.is_op("+")) {
    const Token op = stream_.next();
    const ExpressionPtr operand = unary(false);
    value = make_expression(Unary{op.text, operand}, op.line, operand->depth);
  } else {
    value = primary();
  }
  value = postfix(value);
  return with_filters ? filters_and_tests(value) : value;
}

ExpressionPtr ExpressionParser::primary() {
  switch (stream_.current().kind) {
    case TokenKind::name:
      return name();
    case TokenKind::string:
      return strings();
    case TokenKind::integer:
    case TokenKind::floating:
      return number();
    default:
      break;
  }
  if (stream_.is_op("(")) return parentheses();
  if (stream_.is_op("[")) return list();
  if (stream_.is_op("{")) return dict();
  stream_.fail_expected("an expression");
}

ExpressionPtr ExpressionParser::name() {
  const Token token = stream_.next();
  if (token.text == "true" || token.text == "True")
    return make_expression(Literal{Value(true)}, token.line, 0);
  if (token.text == "false" || token.text == "False")
    return make_expression(Literal{Value(false)}, token.line, 0);
  if (token.text == "none" || token.text == "None") return make_expression(Literal{Value()}, token.line, 0);
  names_read_.insert(token.text);
  return make_expression(Name{token.text}, token.line, 0);
}

ExpressionPtr ExpressionParser::number() {
  const Token token = stream_.next();
  if (token.kind == TokenKind::floating)
    return make_expression(Literal{Value(parse_float(token.text).value_or(0))}, token.line, 0);
  std::int64_t value = 0;
  const char* begin = token.text.data();
  if (std::from_chars(begin, begin + token.text.size(), value).ec != std::errc())
    throw TemplateError("the number " + token.text + " needs more than 64 bits", token.line);
  return make_expression(Literal{Value(value)}, token.line, 0);
}

ExpressionPtr ExpressionParser::strings() {
  const std::size_t line = stream_.current().line;
  std::string text;
  while (stream_.is(TokenKind::string)) text += stream_.next().text;
  return make_expression(Literal{Value(std::move(text))}, line, 0);
}

ExpressionPtr ExpressionParser::parentheses() {
  const std::size_t line = stream_.next().line;
  if (stream_.skip_op(")")) return make_expression(ListDisplay{{}, true}, line, 0);
  ExpressionPtr value = tuple(true);
  stream_.expect_op(")");
  return value;
}

bool ExpressionParser::ends_tuple() const {
  return stream_.is(TokenKind::block_end) || stream_.is(TokenKind::print_end) || stream_.is_op(")") ||
         stream_.is_any_name({"recursive"});
}

ExpressionPtr ExpressionParser::tuple(bool with_conditional) {
  const std::size_t line = stream_.current().line;
  ListDisplay node{{}, true};
  const auto item = [&] { return with_conditional ? conditional() : logic_or(); };
  node.items.push_back(item());
  if (!stream_.is_op(",")) return node.items.front();
  while (stream_.skip_op(",") && !ends_tuple()) node.items.push_back(item());
  const int depth = depth_of(node.items);
  return make_expression(std::move(node), line, depth);
}

ExpressionPtr ExpressionParser::list() {
  const std::size_t line = stream_.next().line;
  ListDisplay node;
  while (!stream_.is_op("]")) {
    if (!node.items.empty()) stream_.expect_op(",");
    if (stream_.is_op("]")) break;
    node.items.push_back(conditional());
  }
  stream_.expect_op("]");
  const int depth = depth_of(node.items);
  return make_expression(std::move(node), line, depth);
}

ExpressionPtr ExpressionParser::dict() {
  const std::size_t line = stream_.next().line;
  DictDisplay node;
  Expressions all;
  while (!stream_.is_op("}")) {
    if (!node.items.empty()) stream_.expect_op(",");
    if (stream_.is_op("}")) break;
    all.push_back(conditional());
    stream_.expect_op(":");
    all.push_back(conditional());
    node.items.emplace_back(all[all.size() - 2], all.back());
  }
  stream_.expect_op("}");
  return make_expression(std::move(node), line, depth_of(all));
}

}  // namespace pq::jinja
