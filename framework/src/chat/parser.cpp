#include "chat/parser.hpp"

#include "chat/expression_parser.hpp"
#include "chat/make_expression.hpp"

#include <polyquant/base/text.hpp>

namespace pq::jinja {
namespace {

using Names = std::initializer_list<std::string_view>;

class Parser {
 public:
  explicit Parser(std::string_view source) : stream_(tokenize(source)), expressions_(stream_) {}

  Statements run() { return body({}); }

  using Rule = void (Parser::*)(Statements& out, std::size_t line);
  struct Tag {
    std::string_view name;
    Rule rule;
  };
  static const std::vector<Tag>& tags();

 private:
  // Statements up to one of the tags `ends`, whose name stays to be read.
  Statements body(Names ends) {
    const ParserLevel level(nesting_, stream_.current().line);
    const std::size_t begin = stream_.current().line;
    Statements out;
    while (!stream_.is(TokenKind::end)) {
      const Token token = stream_.next();
      if (token.kind == TokenKind::text) {
        out.push_back({TextOutput{token.text}, token.line});
      } else if (token.kind == TokenKind::print_begin) {
        out.push_back({Print{expressions_.tuple(true)}, token.line});
        stream_.expect(TokenKind::print_end, "'}}'");
      } else {
        if (stream_.is_any_name(ends)) return out;
        statement(out, token.line);
      }
    }
    if (ends.size() > 0)
      stream_.fail("the tag of line " + std::to_string(begin) + " has no '" + std::string(*(ends.end() - 1)) +
                   "'");
    return out;
  }

  void statement(Statements& out, std::size_t line) {
    const Token name = stream_.expect(TokenKind::name, "the name of a tag");
    for (const Tag& tag : tags())
      if (tag.name == name.text) return (this->*tag.rule)(out, line);
    std::vector<std::string> known;
    for (const Tag& tag : tags()) known.emplace_back(tag.name);
    const bool is_end = name.text.starts_with("end") || name.text == "else" || name.text == "elif";
    throw TemplateError("the tag '" + name.text + "' " +
                            (is_end ? std::string("does not belong here")
                                    : "is not supported" + suggestion(name.text, known)),
                        line);
  }

  void end_tag() { stream_.expect(TokenKind::block_end, "'%}'"); }

  // "%}", the body, and its end tag whole.
  Statements body_until(std::string_view end) {
    end_tag();
    Statements out = body({end});
    stream_.next();
    end_tag();
    return out;
  }

  void parse_if(Statements& out, std::size_t line) {
    If node;
    do {
      ExpressionPtr condition = expressions_.tuple(false);
      end_tag();
      node.branches.emplace_back(std::move(condition), body({"elif", "else", "endif"}));
    } while (stream_.skip_name("elif"));
    if (stream_.skip_name("else")) {
      end_tag();
      node.otherwise = body({"endif"});
    }
    if (!stream_.skip_name("endif")) stream_.fail_expected("'endif'");
    end_tag();
    out.push_back({std::move(node), line});
  }

  void parse_for(Statements& out, std::size_t line) {
    For node;
    node.target = expressions_.target(false);
    if (node.target.name == "loop")
      throw TemplateError("the elements of a 'for' cannot be named 'loop'", line);
    if (!stream_.skip_name("in")) stream_.fail_expected("'in'");
    node.elements = expressions_.tuple(false);
    if (stream_.skip_name("if")) node.filter = expressions_.expression();
    if (stream_.is_name("recursive")) stream_.fail("a 'for' with 'recursive' is not supported");
    end_tag();
    ++loops_;
    node.body = body({"else", "endfor"});
    --loops_;
    if (stream_.skip_name("else")) {
      end_tag();
      node.otherwise = body({"endfor"});
    }
    stream_.next();
    end_tag();
    out.push_back({std::move(node), line});
  }

  void parse_set(Statements& out, std::size_t line) {
    Target target = expressions_.target(true);
    if (stream_.skip_op("=")) {
      out.push_back({Set{std::move(target), expressions_.tuple(true)}, line});
      return end_tag();
    }
    SetBlock node{std::move(target), nullptr, {}};
    if (stream_.is_op("|")) node.filters = expressions_.block_filters(true);
    node.body = body_until("endset");
    out.push_back({std::move(node), line});
  }

  void parse_filter(Statements& out, std::size_t line) {
    FilterBlock node{expressions_.block_filters(false), {}};
    node.body = body_until("endfilter");
    out.push_back({std::move(node), line});
  }

  std::vector<Parameter> parameters() {
    std::vector<Parameter> result;
    stream_.expect_op("(");
    while (!stream_.is_op(")")) {
      if (!result.empty()) stream_.expect_op(",");
      Parameter parameter{stream_.expect(TokenKind::name, "the name of a parameter").text, nullptr};
      if (stream_.skip_op("="))
        parameter.fallback = expressions_.expression();
      else if (!result.empty() && result.back().fallback != nullptr)
        stream_.fail("a parameter without a default follows one with a default");
      result.push_back(std::move(parameter));
    }
    stream_.expect_op(")");
    return result;
  }

  // Parameters are read; the body is next. A loop around the definition does not reach into it.
  std::shared_ptr<const Function> function(std::string name, std::vector<Parameter> parameters,
                                           std::string_view end) {
    Function result{std::move(name), std::move(parameters), {}};
    std::set<std::string> outer = std::exchange(expressions_.names_read(), {});
    const int loops = std::exchange(loops_, 0);
    result.body = body_until(end);
    loops_ = loops;
    const std::set<std::string>& names = expressions_.names_read();
    result.uses_caller = names.count("caller") > 0;
    result.uses_varargs = names.count("varargs") > 0;
    result.uses_kwargs = names.count("kwargs") > 0;
    expressions_.names_read().insert(outer.begin(), outer.end());
    return std::make_shared<const Function>(std::move(result));
  }

  void parse_macro(Statements& out, std::size_t line) {
    const std::string name = stream_.expect(TokenKind::name, "the name of the macro").text;
    std::vector<Parameter> list = parameters();
    out.push_back({Macro{function(name, std::move(list), "endmacro")}, line});
  }

  void parse_call(Statements& out, std::size_t line) {
    std::vector<Parameter> list = stream_.is_op("(") ? parameters() : std::vector<Parameter>();
    CallBlock node;
    node.call = expressions_.expression();
    if (!std::holds_alternative<Call>(node.call->data))
      stream_.fail("'call' needs a call, as in {% call name() %}");
    node.caller = function("caller", std::move(list), "endcall");
    out.push_back({std::move(node), line});
  }

  void parse_with(Statements& out, std::size_t line) {
    With node;
    while (!stream_.is(TokenKind::block_end)) {
      if (!node.values.empty()) stream_.expect_op(",");
      Target target = expressions_.target(false);
      stream_.expect_op("=");
      node.values.emplace_back(std::move(target), expressions_.expression());
    }
    node.body = body_until("endwith");
    out.push_back({std::move(node), line});
  }

  // transformers' own tag: marks what the assistant says, and prints it.
  void parse_generation(Statements& out, std::size_t line) {
    const int loops = std::exchange(loops_, 0);
    out.push_back({Scoped{body_until("endgeneration")}, line});
    loops_ = loops;
  }

  void jump(Statements& out, std::size_t line, bool is_break) {
    if (loops_ == 0) throw TemplateError("'break' and 'continue' belong into the body of a 'for'", line);
    out.push_back({Jump{is_break}, line});
    end_tag();
  }
  void parse_break(Statements& out, std::size_t line) { jump(out, line, true); }
  void parse_continue(Statements& out, std::size_t line) { jump(out, line, false); }

  // {% raw %} is the lexer's; it only gets here when something follows its name.
  void parse_raw(Statements&, std::size_t line) {
    throw TemplateError("'raw' must stand alone: {% raw %}", line);
  }

  TokenStream stream_;
  ExpressionParser expressions_;
  int nesting_ = 0;
  int loops_ = 0;
};

const std::vector<Parser::Tag>& Parser::tags() {
  static const std::vector<Tag> table = {{"break", &Parser::parse_break},
                                         {"call", &Parser::parse_call},
                                         {"continue", &Parser::parse_continue},
                                         {"filter", &Parser::parse_filter},
                                         {"for", &Parser::parse_for},
                                         {"generation", &Parser::parse_generation},
                                         {"if", &Parser::parse_if},
                                         {"macro", &Parser::parse_macro},
                                         {"raw", &Parser::parse_raw},
                                         {"set", &Parser::parse_set},
                                         {"with", &Parser::parse_with}};
  return table;
}

}  // namespace

Statements parse_template(std::string_view source) { return Parser(source).run(); }

std::vector<std::string_view> supported_tags() {
  std::vector<std::string_view> names;
  for (const Parser::Tag& tag : Parser::tags()) names.push_back(tag.name);
  return names;
}

}  // namespace pq::jinja
