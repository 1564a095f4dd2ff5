// How HellaSwag's texts are prepared (lm_eval/tasks/hellaswag/utils.py).
#include "evaluation/choice_questions.hpp"
#include "tokenizer/unicode.hpp"

namespace pq {
namespace {

/// Every occurrence from left to right, none inside a replacement.
std::string replaced(std::string_view text, std::string_view what, std::string_view by) {
  std::string result;
  for (std::size_t at; (at = text.find(what)) != std::string_view::npos;) {
    result.append(text.substr(0, at)).append(by);
    text.remove_prefix(at + what.size());
  }
  return result.append(text);
}

/// Without "[...]" on one line.
std::string without_brackets(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const std::size_t open = text.find('[');
    const std::size_t close = open == std::string_view::npos ? open : text.find_first_of("]\n", open);
    if (close == std::string_view::npos) break;
    const bool is_mark = text[close] == ']';
    result.append(text.substr(0, is_mark ? open : open + 1));
    text.remove_prefix(is_mark ? close + 1 : open + 1);
  }
  return result.append(text);
}

/// Where the text behind leading blanks begins, and where that before the last ones ends.
std::string_view stripped(std::string_view text) {
  std::size_t first = text.size(), last = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (is_whitespace(next_character(text, at))) continue;
    if (first == text.size()) first = begin;
    last = at;
  }
  return first >= last ? std::string_view() : text.substr(first, last - first);
}

}  // namespace

std::string without_wikihow_marks(std::string_view text) {
  return replaced(without_brackets(replaced(stripped(text), " [title]", ". ")), "  ", " ");
}

std::string capitalized(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const bool is_first = at == 0;
    const char32_t character = next_character(text, at);
    append_utf8(result, is_first ? to_title(character) : to_lower(character));
  }
  return result;
}

}  // namespace pq
