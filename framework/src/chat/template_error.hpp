// The error inside the template engine; ChatTemplate turns it into a FormatError that names the template.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace pq::jinja {

/// `line` counts from 1; 0 means that the place is not known yet, and the statement being run adds its own.
class TemplateError : public std::runtime_error {
 public:
  explicit TemplateError(const std::string& message, std::size_t line = 0)
      : std::runtime_error(message), line_(line) {}
  std::size_t line() const noexcept { return line_; }

 private:
  std::size_t line_;
};

}  // namespace pq::jinja
