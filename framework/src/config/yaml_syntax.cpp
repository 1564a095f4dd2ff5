#include "config/yaml_syntax.hpp"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>

#include <algorithm>
#include <utility>

namespace pq {
namespace {

namespace words = YAML::ErrorMsg;

constexpr std::string_view kBlanks = " \t\r";

std::string_view line_of(std::string_view text, int number) {
  for (int i = 1; i < number && !text.empty(); ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  return text.substr(0, text.find('\n'));
}

std::size_t indent_of(std::string_view line) {
  return std::min(line.find_first_not_of(kBlanks), line.size());
}

std::string_view trimmed(std::string_view line) {
  line.remove_prefix(indent_of(line));
  return line.substr(0, line.find_last_not_of(kBlanks) + 1);
}

bool has_key(std::string_view line) {
  return line.ends_with(':') || line.find(": ") != std::string_view::npos;
}

/// The nearest line above `number` that says something; 0 = none.
int line_above(std::string_view text, int number) {
  for (int i = number - 1; i > 0; --i) {
    const std::string_view line = trimmed(line_of(text, i));
    if (!line.empty() && line[0] != '#') return i;
  }
  return 0;
}

/// The quotation mark that is never closed, if scanning finds one.
std::optional<std::pair<int, int>> open_quote(std::string_view text) {
  int line = 1, column = 0;
  char quote = 0, before = '\n';
  std::pair<int, int> place;
  for (std::size_t i = 0; i < text.size(); before = text[i], ++i) {
    const char c = text[i];
    ++column;
    const bool at_start = std::string_view(" \t\n[{,").find(before) != std::string_view::npos;
    if (c == '\n') {
      ++line;
      column = 0;
    } else if (quote == '"' && c == '\\' && i + 1 < text.size()) {
      ++i;
      ++column;
    } else if (quote != 0) {
      if (c == quote) quote = 0;  // '' closes and opens again
      if (quote == 0 && c == '\'' && text.substr(i + 1).starts_with('\'')) {
        quote = c;
        ++i;
        ++column;
      }
    } else if (c == '#' && at_start) {
      i = std::min(text.find('\n', i), text.size()) - 1;
    } else if ((c == '\'' || c == '"') && at_start) {
      quote = c;
      place = {line, column};
    }
  }
  if (quote == 0) return std::nullopt;
  return place;
}

bool is_any(std::string_view message, std::initializer_list<const char*> known) {
  return std::any_of(known.begin(), known.end(), [&](const char* text) { return message.starts_with(text); });
}

SyntaxAdvice here(const SyntaxError& error, std::string sentence) {
  return {error.line, error.column, std::move(sentence)};
}

std::optional<SyntaxAdvice> about_tabs(const SyntaxError& error) {
  const std::string_view line = line_of(error.text, error.line);
  const std::size_t tab = line.substr(0, indent_of(line)).find('\t');
  if (tab == std::string_view::npos) return std::nullopt;
  return SyntaxAdvice{error.line, static_cast<int>(tab) + 1,
                      "a tab indents this line; YAML takes spaces only, so replace it with spaces"};
}

std::optional<SyntaxAdvice> about_quotes(const SyntaxError& error) {
  if (!is_any(error.message, {words::EOF_IN_SCALAR, words::DOC_IN_SCALAR})) return std::nullopt;
  const auto quote = open_quote(error.text);
  if (!quote) return here(error, "a quotation mark is not closed");
  return SyntaxAdvice{quote->first, quote->second,
                      "this quotation mark is not closed; end the text with the same mark"};
}

/// The column of a "${" outside of quotation marks: its '{' begins a map there.
std::optional<int> bare_reference(std::string_view line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0 || line[i] == '"' || line[i] == '\'')
      quote = quote == 0 ? line[i] : quote == line[i] ? '\0' : quote;
    else if (line.substr(i).starts_with("${"))
      return static_cast<int>(i) + 1;
  }
  return std::nullopt;
}

std::optional<SyntaxAdvice> about_brackets(const SyntaxError& error) {
  const auto closing = [&] { return error.bracket->open == '{' ? '}' : ']'; };
  if (is_any(error.message, {words::END_OF_MAP_FLOW, words::END_OF_SEQ_FLOW})) {
    if (const auto column = bare_reference(line_of(error.text, error.line)))
      return SyntaxAdvice{error.line, *column,
                          "inside { } and [ ] a value with ${...} stands in quotation marks, as in "
                          "\"${OUT:-out}/a.gguf\""};
    if (!error.bracket) return here(error, "a bracket is not closed");
    const int line = error.bracket->line, column = error.bracket->column;
    if (line != error.line)
      return SyntaxAdvice{line, column,
                          fmt::format("this '{}' is not closed by '{}'", error.bracket->open, closing())};
    return here(error, fmt::format("',' or '{}' is missing before this place; the '{}' is in column {}",
                                   closing(), error.bracket->open, column));
  }
  if (!is_any(error.message, {words::FLOW_END})) return std::nullopt;
  if (!error.bracket)
    return here(error,
                "this bracket closes nothing; remove it, or put text that holds brackets in quotation marks");
  return here(error, fmt::format("'{}' is expected here, for the '{}' at {}:{}", closing(),
                                 error.bracket->open, error.bracket->line, error.bracket->column));
}

std::optional<SyntaxAdvice> about_items(const SyntaxError& error) {
  if (!is_any(error.message, {words::BLOCK_ENTRY})) return std::nullopt;
  const std::string_view before =
      line_of(error.text, error.line).substr(0, static_cast<std::size_t>(error.column) - 1);
  if (has_key(trimmed(before)))
    return here(error, "a list begins on the line below its key; put this '-' there, indented with spaces");
  return here(error, "no list can have an item here; the '-' of one list stand in the same column");
}

std::optional<SyntaxAdvice> about_colons(const SyntaxError& error) {
  if (!is_any(error.message, {words::MAP_VALUE, words::MAP_KEY})) return std::nullopt;
  const std::string_view line = line_of(error.text, error.line);
  if (has_key(line.substr(0, static_cast<std::size_t>(error.column) - 1)))
    return here(error, "a second ':' on one line; put text that holds ': ' in quotation marks");
  const int above = line_above(error.text, error.line);
  const std::string_view upper = line_of(error.text, std::max(above, 1));
  if (above > 0 && !has_key(trimmed(upper)))
    return SyntaxAdvice{above, static_cast<int>(indent_of(upper)) + 1,
                        "this line is not 'KEY: VALUE'; a colon and a space belong behind the key"};
  if (above > 0 && indent_of(line) > indent_of(upper))
    return SyntaxAdvice{
        error.line, static_cast<int>(indent_of(line)) + 1,
        "this line is indented deeper than the one above, which has its value already; keys of "
        "one map stand in the same column"};
  return here(error, "a ':' cannot stand here; put text that holds ': ' in quotation marks");
}

std::optional<SyntaxAdvice> about_indents(const SyntaxError& error) {
  if (!is_any(error.message, {words::END_OF_MAP, words::END_OF_SEQ})) return std::nullopt;
  const std::string_view line = line_of(error.text, error.line);
  if (static_cast<std::size_t>(error.column) > indent_of(line) + 1)
    return here(error,
                "text behind a value that is complete; inside '...' a quotation mark is written twice, as in "
                "'it''s'");
  return here(error,
              "the indentation of this line fits nothing above it; keys of one map, and the '-' of one list, "
              "stand in the same column");
}

std::optional<SyntaxAdvice> about_characters(const SyntaxError& error) {
  if (is_any(error.message, {words::UNKNOWN_TOKEN})) {
    const std::string_view rest =
        line_of(error.text, error.line).substr(static_cast<std::size_t>(error.column) - 1);
    return here(error, fmt::format("text cannot begin with {}; put it in quotation marks",
                                   rest.empty() ? "this character" : fmt::format("'{}'", rest[0])));
  }
  if (is_any(error.message, {words::INVALID_ESCAPE, words::INVALID_HEX, words::INVALID_UNICODE}))
    return here(error,
                "a backslash in double quotation marks begins an escape such as \\n, and this is none; write "
                "\\\\, or use single quotation marks");
  return std::nullopt;
}

// What pipelines do without.
std::optional<SyntaxAdvice> about_the_rest(const SyntaxError& error) {
  if (is_any(error.message,
             {words::ANCHOR_NOT_FOUND, words::ALIAS_NOT_FOUND, words::CHAR_IN_ALIAS, words::CHAR_IN_ANCHOR,
              words::UNKNOWN_ANCHOR, words::MULTIPLE_ANCHORS, words::MULTIPLE_ALIASES, words::ALIAS_CONTENT}))
    return here(error,
                "anchors (&name) and aliases (*name) are not supported; put text that begins with & or * in "
                "quotation marks");
  if (is_any(error.message, {words::CHAR_IN_TAG_HANDLE, words::TAG_WITH_NO_SUFFIX, words::END_OF_VERBATIM_TAG,
                             words::MULTIPLE_TAGS}))
    return here(error, "tags (!name) are not supported; put text that begins with ! in quotation marks");
  if (is_any(error.message,
             {words::YAML_DIRECTIVE_ARGS, words::YAML_VERSION, words::YAML_MAJOR_VERSION,
              words::REPEATED_YAML_DIRECTIVE, words::TAG_DIRECTIVE_ARGS, words::REPEATED_TAG_DIRECTIVE}))
    return here(error, "directives (lines that begin with %) are not supported; remove this line");
  if (is_any(error.message, {words::ZERO_INDENT_IN_BLOCK, words::CHAR_IN_BLOCK}))
    return here(error,
                "behind | and > nothing but +, - and a digit from 1 to 9 can stand; the text begins on the "
                "next line");
  return std::nullopt;
}

}  // namespace

SyntaxAdvice explain(const SyntaxError& error) {
  for (const auto about : {about_tabs, about_quotes, about_brackets, about_items, about_colons, about_indents,
                           about_characters, about_the_rest})
    if (auto advice = about(error)) return *advice;
  return here(
      error,
      "this is not YAML; check indentation, brackets and quotation marks of this line and the one above");
}

}  // namespace pq
