// Sentences about YAML that cannot be read: what is wrong, where, and what to write instead.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace pq {

/// Where the parser gave up; lines and columns count from 1.
struct SyntaxError {
  std::string_view text;     // all of it
  std::string_view message;  // the parser's own
  int line = 1, column = 1;
  struct Bracket {
    char open;
    int line, column;
  };
  std::optional<Bracket> bracket;  // the innermost '{' or '[' that is open there
};

struct SyntaxAdvice {
  int line = 1, column = 1;  // what the user has to look at
  std::string sentence;
};
SyntaxAdvice explain(const SyntaxError& error);

}  // namespace pq
