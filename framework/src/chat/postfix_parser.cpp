// What follows a value: members, subscripts, calls, filters and tests; and what is assigned to.
#include "chat/builtin.hpp"
#include "chat/expression_parser.hpp"
#include "chat/make_expression.hpp"

namespace pq::jinja {
ExpressionPtr ExpressionParser::postfix(ExpressionPtr value) {
  while (true) {
    if (stream_.is_op(".")) {
      value = member(value);
    } else if (stream_.is_op("[")) {
      value = subscript(value);
    } else if (stream_.is_op("(")) {
      value = call(value);
    } else {
      return value;
    }
  }
}

ExpressionPtr ExpressionParser::call(ExpressionPtr callee) {
  const std::size_t line = stream_.current().line;
  CallArguments arguments = call_arguments();
  const int depth = std::max(callee->depth, depth_of(arguments));
  return make_expression(Call{std::move(callee), std::move(arguments)}, line, depth);
}

ExpressionPtr ExpressionParser::member(ExpressionPtr object) {
  const std::size_t line = stream_.next().line;
  if (stream_.is(TokenKind::integer)) {
    const ExpressionPtr index = number();
    return make_expression(Subscript{object, index}, line, object->depth);
  }
  const Token name = stream_.expect(TokenKind::name, "a name or a number after '.'");
  return make_expression(Attribute{object, name.text}, line, object->depth);
}

ExpressionPtr ExpressionParser::subscript(ExpressionPtr object) {
  const std::size_t line = stream_.next().line;
  ExpressionPtr parts[3];
  int part = 0;
  while (!stream_.is_op("]") && !stream_.is_op(",")) {
    if (stream_.skip_op(":")) {
      if (++part > 2) stream_.fail_expected("']'");
      continue;
    }
    if (parts[part] != nullptr) stream_.fail_expected("']'");
    parts[part] = conditional();
  }
  const int depth = std::max({object->depth, depth_of(parts[0]), depth_of(parts[1]), depth_of(parts[2])});
  if (part > 0) {
    if (stream_.is_op(",")) stream_.fail("slices inside a tuple are not supported");
    stream_.expect_op("]");
    return make_expression(Slice{object, parts[0], parts[1], parts[2]}, line, depth);
  }
  if (parts[0] == nullptr) stream_.fail_expected("an expression");
  if (stream_.is_op(",")) stream_.fail("a tuple as a subscript is not supported");
  stream_.expect_op("]");
  return make_expression(Subscript{object, parts[0]}, line, depth);
}

// *list or **dict: one of each, in this order.
bool ExpressionParser::spread_argument(CallArguments& arguments) {
  const bool is_named = stream_.is_op("**");
  if (!is_named && !stream_.is_op("*")) return false;
  if (arguments.more_named != nullptr || (!is_named && arguments.more != nullptr))
    stream_.fail("arguments with '*' or '**' are given once, the second after the first");
  stream_.next();
  (is_named ? arguments.more_named : arguments.more) = conditional();
  return true;
}

CallArguments ExpressionParser::call_arguments() {
  CallArguments arguments;
  stream_.expect_op("(");
  bool is_first = true;
  while (!stream_.is_op(")")) {
    if (!is_first) stream_.expect_op(",");
    is_first = false;
    if (stream_.is_op(")")) break;
    if (spread_argument(arguments)) continue;
    if (stream_.is(TokenKind::name) && stream_.following().kind == TokenKind::op &&
        stream_.following().text == "=") {
      const std::string name = stream_.next().text;
      stream_.next();
      for (const auto& [other, value] : arguments.named)
        if (other == name) stream_.fail("the argument '" + name + "' is given twice");
      if (arguments.more_named != nullptr) stream_.fail("an argument with a name follows '**'");
      arguments.named.emplace_back(name, conditional());
    } else {
      if (arguments.more != nullptr || arguments.more_named != nullptr)
        stream_.fail("an argument without a name follows '*'");
      if (!arguments.named.empty()) stream_.fail("an argument without a name follows one with a name");
      arguments.positional.push_back(conditional());
    }
  }
  stream_.expect_op(")");
  return arguments;
}

ExpressionPtr ExpressionParser::filters_and_tests(ExpressionPtr value) {
  while (true) {
    if (stream_.skip_op("|")) {
      value = filter(value);
    } else if (stream_.skip_name("is")) {
      value = test(value);
    } else if (stream_.is_op("(")) {
      value = call(value);
    } else {
      return value;
    }
  }
}

std::string ExpressionParser::dotted_name() {
  std::string name = stream_.expect(TokenKind::name, "a name").text;
  while (stream_.skip_op(".")) (name += '.') += stream_.expect(TokenKind::name, "a name").text;
  return name;
}

ExpressionPtr ExpressionParser::filter(ExpressionPtr value) {
  const std::size_t line = stream_.current().line;
  const std::string name = dotted_name();
  Filter node{value, find_filter(name), {}};
  if (node.filter == nullptr) {
    try {
      filter_named(name);
    } catch (const TemplateError& error) {
      throw TemplateError(error.what(), line);
    }
  }
  if (stream_.is_op("(")) node.arguments = call_arguments();
  const int depth = std::max(depth_of(value), depth_of(node.arguments));
  return make_expression(std::move(node), line, depth);
}

ExpressionPtr ExpressionParser::test(ExpressionPtr value) {
  const std::size_t line = stream_.current().line;
  const bool negated = stream_.skip_name("not");
  const std::string name = dotted_name();
  Test node{value, find_test(name), {}};
  if (node.test == nullptr) {
    try {
      test_named(name);
    } catch (const TemplateError& error) {
      throw TemplateError(error.what(), line);
    }
  }
  const bool is_value = stream_.is(TokenKind::string) || stream_.is(TokenKind::integer) ||
                        stream_.is(TokenKind::floating) || stream_.is_op("[") || stream_.is_op("{");
  if (stream_.is_op("(")) {
    node.arguments = call_arguments();
  } else if (is_value || (stream_.is(TokenKind::name) && !stream_.is_any_name({"else", "or", "and"}))) {
    if (stream_.is_name("is")) stream_.fail("several tests with 'is' in a row are not possible");
    node.arguments.positional.push_back(postfix(primary()));
  }
  const int depth = std::max(depth_of(value), depth_of(node.arguments));
  ExpressionPtr result = make_expression(std::move(node), line, depth);
  return negated ? make_expression(Unary{"not", result}, line, depth + 1) : result;
}

ExpressionPtr ExpressionParser::block_filters(bool begins_with_bar) {
  ExpressionPtr value = make_expression(Name{kBlockName}, stream_.current().line, 0);
  if (!begins_with_bar) value = filter(value);
  while (stream_.skip_op("|")) value = filter(value);
  return value;
}

Target ExpressionParser::single_target(bool with_attribute) {
  if (stream_.skip_op("(")) {
    Target result = target(with_attribute);
    stream_.expect_op(")");
    return result;
  }
  const Token name = stream_.expect(TokenKind::name, "a name to assign to");
  for (const char* constant : {"true", "false", "none", "True", "False", "None"})
    if (name.text == constant) throw TemplateError("'" + name.text + "' cannot be assigned to", name.line);
  Target result{name.text, "", {}};
  if (with_attribute && stream_.skip_op(".")) {
    result.attribute = stream_.expect(TokenKind::name, "the name of an attribute").text;
    names_read_.insert(name.text);
  } else if (stream_.is_op(".") || stream_.is_op("[")) {
    stream_.fail("only names and attributes of a namespace can be assigned to");
  }
  return result;
}

Target ExpressionParser::target(bool with_attribute) {
  const ParserLevel level(nesting_, stream_.current().line);
  Target first = single_target(with_attribute);
  if (!stream_.is_op(",")) return first;
  Target result;
  result.items.push_back(std::move(first));
  while (stream_.skip_op(",") && !stream_.is_name("in") && !stream_.is_op("=") && !stream_.is_op(")"))
    result.items.push_back(single_target(with_attribute));
  return result;
}

}  // namespace pq::jinja
