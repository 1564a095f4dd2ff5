// Regular expressions of tokenizer.json. The files mean Oniguruma's dialect; this is PCRE2 with the differences that matter removed.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace pq {

/// A compiled expression. Immutable, callable from any thread.
class Regex {
 public:
  /// Throws FormatError for an expression that does not compile.
  explicit Regex(const std::string& pattern);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  /// Calls visit(begin, end) for all matches that are not empty, from left to right. `text` is valid UTF-8. Throws FormatError if a match
  /// takes more than the limits of the library.
  void for_matches(std::string_view text,
                   const std::function<void(std::size_t begin, std::size_t end)>& visit) const;

  /// The pattern as given to the library: \s and \S written out (PCRE2 counts U+180E as white space, Oniguruma does not).
  static std::string translated(const std::string& pattern);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pq
