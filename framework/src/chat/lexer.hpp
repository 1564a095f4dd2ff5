// Cuts a template into text, tags and the tokens inside tags.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pq::jinja {

enum class TokenKind {
  text,  // outside of tags, white space control applied
  block_begin,
  block_end,
  print_begin,
  print_end,
  name,
  string,  // without quotes, escapes resolved
  integer,
  floating,
  op,
  end
};

struct Token {
  TokenKind kind = TokenKind::end;
  std::string text;
  std::size_t line = 0;
};

/// The tokens, closed by one of kind `end`. White space as transformers sets it: trim_blocks and lstrip_blocks on, one line end at the end
/// of the template dropped. `source` is valid UTF-8. Throws TemplateError.
std::vector<Token> tokenize(std::string_view source);

/// The text that a string literal between quotes stands for. Throws TemplateError for escapes that have no UTF-8 form.
std::string unescape(std::string_view literal);

}  // namespace pq::jinja
