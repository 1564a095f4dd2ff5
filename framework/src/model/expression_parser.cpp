#include "model/expression_node.hpp"

#include <polyquant/base/error.hpp>

#include <array>
#include <cctype>
#include <charconv>

namespace pq {
namespace {

using NodePtr = std::shared_ptr<const Expression::Node>;

constexpr int kMaxDepth = 64;

bool is_name_start(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '_'; }
bool is_name_char(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.'; }

// Recursive descent; one function per level of precedence.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  NodePtr parse() {
    NodePtr root = whole();
    skip_blanks();
    if (at_ != text_.size()) fail("unexpected '" + std::string(1, text_[at_]) + "'");
    return root;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw ConfigError("expression '" + std::string(text_) + "': " + what + " at character " +
                      std::to_string(at_ + 1));
  }

  void skip_blanks() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }

  bool take(std::string_view token) {
    skip_blanks();
    if (text_.substr(at_, token.size()) != token) return false;
    const bool is_word = is_name_start(token[0]);
    const std::size_t end = at_ + token.size();
    if (is_word && end < text_.size() && is_name_char(text_[end])) return false;
    at_ = end;
    return true;
  }

  void expect(std::string_view token) {
    if (!take(token)) fail("'" + std::string(token) + "' is missing");
  }

  static NodePtr make(Expression::Node::Kind kind, std::string text, std::vector<NodePtr> children) {
    return std::make_shared<const Expression::Node>(
        Expression::Node{kind, std::move(text), Json(), std::move(children)});
  }
  static NodePtr operation(std::string op, NodePtr a, NodePtr b) {
    return make(Expression::Node::Kind::operation, std::move(op), {std::move(a), std::move(b)});
  }

  NodePtr whole() {
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    NodePtr left = any();
    while (take("|")) left = operation("|", left, any());
    --depth_;
    return left;
  }

  NodePtr any() {
    NodePtr left = all();
    while (take("or")) left = operation("or", left, all());
    return left;
  }

  NodePtr all() {
    NodePtr left = negation();
    while (take("and")) left = operation("and", left, negation());
    return left;
  }

  NodePtr negation() {
    if (!take("not")) return comparison();
    if (++depth_ > kMaxDepth) fail("nested too deeply");
    NodePtr inner = negation();
    --depth_;
    return make(Expression::Node::Kind::negation, "", {inner});
  }

  NodePtr comparison() {
    NodePtr left = sum();
    for (const std::string_view op : {"==", "!=", "<=", ">=", "<", ">", "in"})
      if (take(op)) return operation(std::string(op), left, sum());
    return left;
  }

  NodePtr sum() {
    NodePtr left = product();
    while (true) {
      if (take("+"))
        left = operation("+", left, product());
      else if (take("-"))
        left = operation("-", left, product());
      else
        return left;
    }
  }

  NodePtr product() {
    NodePtr left = unary();
    while (true) {
      if (take("*"))
        left = operation("*", left, unary());
      else if (take("//"))
        left = operation("//", left, unary());
      else if (take("/"))
        left = operation("/", left, unary());
      else if (take("%"))
        left = operation("%", left, unary());
      else
        return left;
    }
  }

  NodePtr unary() {
    if (!take("-")) return primary();
    return operation("-", constant(Json(0)), primary());
  }

  static NodePtr constant(Json value) {
    return std::make_shared<const Expression::Node>(
        Expression::Node{Expression::Node::Kind::constant, "", std::move(value), {}});
  }

  NodePtr primary() {
    skip_blanks();
    if (at_ == text_.size()) fail("something is missing");
    const char c = text_[at_];
    if (c == '(') {
      ++at_;
      NodePtr inner = whole();
      expect(")");
      return inner;
    }
    if (c == '[') {
      ++at_;
      return make(Expression::Node::Kind::list, "", arguments("]"));
    }
    if (c == '\'') return quoted();
    if (std::isdigit(static_cast<unsigned char>(c)) != 0) return number();
    if (is_name_start(c)) return name();
    fail("unexpected '" + std::string(1, c) + "'");
  }

  std::vector<NodePtr> arguments(std::string_view end) {
    std::vector<NodePtr> list;
    if (take(end)) return list;
    do list.push_back(whole());
    while (take(","));
    expect(end);
    return list;
  }

  NodePtr quoted() {
    const std::size_t end = text_.find('\'', at_ + 1);
    if (end == std::string_view::npos) fail("the closing ' is missing");
    NodePtr value = constant(Json(std::string(text_.substr(at_ + 1, end - at_ - 1))));
    at_ = end + 1;
    return value;
  }

  NodePtr number() {
    std::int64_t integer = 0;
    double real = 0;
    const char* first = text_.data() + at_;
    const char* last = text_.data() + text_.size();
    const auto as_integer = std::from_chars(first, last, integer);
    const auto as_real = std::from_chars(first, last, real);
    const bool is_integer = as_integer.ec == std::errc() && as_integer.ptr == as_real.ptr;
    at_ += static_cast<std::size_t>(as_real.ptr - first);
    return constant(is_integer ? Json(integer) : Json(real));
  }

  NodePtr name() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_name_char(text_[at_])) ++at_;
    std::string word(text_.substr(start, at_ - start));
    if (word == "true") return constant(Json(true));
    if (word == "false") return constant(Json(false));
    if (word == "null") return constant(Json());
    if (word == "if" && take("(")) return condition();
    if ((word == "each" || word == "where") && take("(")) return loop(word == "where");
    if (take("(")) return make(Expression::Node::Kind::call, std::move(word), arguments(")"));
    return make(Expression::Node::Kind::name, std::move(word), {});
  }

  NodePtr condition() {
    std::vector<NodePtr> parts = arguments(")");
    if (parts.size() != 3) fail("if() needs a condition and two values");
    return make(Expression::Node::Kind::choice, "", std::move(parts));
  }

  NodePtr loop(bool filters) {
    std::vector<NodePtr> parts = arguments(")");
    if (parts.size() != 3 || parts[0]->kind != Expression::Node::Kind::name)
      fail("each() and where() need a name, a list and an expression");
    return std::make_shared<const Expression::Node>(
        Expression::Node{Expression::Node::Kind::loop, parts[0]->text, Json(filters), {parts[1], parts[2]}});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

void collect_names(const Expression::Node& node, std::vector<std::string>& names) {
  if (node.kind == Expression::Node::Kind::name) names.push_back(node.text);
  // Of a choice the values come before the condition: they are what a message is about.
  const std::size_t first = node.kind == Expression::Node::Kind::choice ? 1 : 0;
  for (std::size_t i = first; i < node.children.size(); ++i) collect_names(*node.children[i], names);
  if (first == 1) collect_names(*node.children[0], names);
}

std::string first_name(const Expression::Node& node) {
  if (node.kind == Expression::Node::Kind::name) return node.text;
  for (const auto& child : node.children)
    if (std::string found = first_name(*child);
        !found.empty() && (node.kind != Expression::Node::Kind::loop || found != node.text))
      return found;
  return {};
}

Expression Expression::parse(std::string_view text) {
  Expression expression;
  expression.text_ = text;
  expression.root_ = Parser(text).parse();
  return expression;
}

std::string Expression::first_name() const { return root_ ? pq::first_name(*root_) : std::string(); }

}  // namespace pq
