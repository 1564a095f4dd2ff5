// Names with indices and patterns.
#include "model/tensor_links.hpp"

#include <algorithm>

namespace pq {

std::string with_index(const std::string& name, char letter, std::int64_t index) {
  std::string out;
  std::size_t start = 0;
  while (true) {
    const std::size_t dot = std::min(name.find('.', start), name.size());
    const std::string_view part(name.data() + start, dot - start);
    if (part.size() == 1 && part[0] == letter)
      out += std::to_string(index);
    else
      out += part;
    if (dot == name.size()) return out;
    out += '.';
    start = dot + 1;
  }
}

bool matches(std::string_view name, std::string_view pattern) {
  std::size_t n = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace pq
