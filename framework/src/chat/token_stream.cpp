#include "chat/token_stream.hpp"

#include "chat/template_error.hpp"

#include <fmt/format.h>

namespace pq::jinja {
namespace {

std::string found(const Token& token) {
  switch (token.kind) {
    case TokenKind::end:
      return "the end of the template";
    case TokenKind::block_end:
    case TokenKind::print_end:
      return "the end of the tag";
    case TokenKind::text:
      return "text";
    case TokenKind::string:
      return "a string";
    default:
      return fmt::format("'{}'", token.text);
  }
}

}  // namespace

void TokenStream::expect_op(std::string_view op) {
  if (!skip_op(op)) fail_expected(fmt::format("'{}'", op));
}

Token TokenStream::expect(TokenKind kind, const std::string& what) {
  if (!is(kind)) fail_expected(what);
  return next();
}

void TokenStream::fail(const std::string& message) const { throw TemplateError(message, current().line); }

void TokenStream::fail_expected(const std::string& what) const {
  fail(fmt::format("expected {}, found {}", what, found(current())));
}

}  // namespace pq::jinja
