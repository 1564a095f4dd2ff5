// Regular expressions of tokenizer.json, of llama.cpp's splitters and of users, run by PCRE2 with the differences that matter removed.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace pq {

/// A compiled expression. Immutable, callable from any thread.
class Regex {
 public:
  enum class Dialect {
    oniguruma,    // UTF-8, Unicode classes; what tokenizer.json means
    std_bytes,    // bytes, ASCII classes, $ only at the end: std::regex in the C locale
    std_unicode,  // the same on UTF-8 text: std::wregex
    ecmascript    // bytes, for short texts: few steps are allowed, whoever wrote the expression
  };
  struct Match {
    std::size_t begin = 0, end = 0;
    explicit operator bool() const noexcept { return begin != kNone; }
  };

  /// Throws FormatError for an expression that does not compile. `source`, if there is one, stands in front of messages.
  explicit Regex(const std::string& pattern, Dialect dialect = Dialect::oniguruma,
                 const std::string& source = {});
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// The first match at or after `from` that is not empty, or (`empty_too`) any. `text` is valid UTF-8. Throws FormatError if a match takes
  /// more than the limits of the library.
  Match find(std::string_view text, std::size_t from, bool empty_too = false) const;

  /// Calls visit(begin, end) for all matches that are not empty, from left to right.
  template <class Visit>
  void for_matches(std::string_view text, const Visit& visit) const {
    for (Match match = find(text, 0); match; match = find(text, match.end)) visit(match.begin, match.end);
  }

  /// The pattern as given to the library: \s and \S written out (PCRE2 counts U+180E as white space, Oniguruma does not), \p{L} and its like
  /// with the characters of Unicode 15 and 16.
  static std::string translated(const std::string& pattern);

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pq
