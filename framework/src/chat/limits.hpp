// What one rendering may use, so that a hostile template ends with an error and not with the machine.
#pragma once

#include <cstddef>

namespace pq::jinja {

/// Bounds of one template and one rendering; far above what real chats need.
struct Limits {
  std::size_t template_bytes = std::size_t{4} << 20;
  std::size_t output_bytes = std::size_t{256} << 20;
  std::size_t value_bytes = std::size_t{1} << 30;  // all values together, also those that are gone
  std::size_t steps = 50'000'000;                  // operators, statements, elements looked at
  int depth = 1000;                                // expressions inside each other, calls included
};

/// Fixed bounds. A range is as long as in Jinja's sandbox (jinja2/sandbox.py, MAX_RANGE).
inline constexpr int kMaxSyntaxDepth = 200;
inline constexpr int kMaxValueDepth = 400;
inline constexpr std::size_t kMaxRange = 100'000;

}  // namespace pq::jinja
