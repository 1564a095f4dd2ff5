#include "config/environment.hpp"

#include <algorithm>
#include <cstdlib>

namespace pq {
namespace {

bool is_name(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
  if (text.empty() || !letter(text.front())) return false;
  return std::all_of(text.begin(), text.end(), [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string value_of(std::string_view reference, const Mark& where) {
  const std::size_t split = reference.find(":-");
  const std::string name(reference.substr(0, split));
  if (!is_name(name))
    throw_at(where, "'${" + std::string(reference) +
                        "}' is not ${NAME} or ${NAME:-default}; write $$ for a dollar sign");
  const char* value = std::getenv(name.c_str());
  if (split != std::string_view::npos)
    return value != nullptr && *value != '\0' ? value : std::string(reference.substr(split + 2));
  if (value == nullptr)
    throw_at(where,
             "environment variable '" + name + "' is not set; set it or write ${" + name + ":-default}");
  return value;
}

}  // namespace

std::string expand_environment(std::string_view text, const Mark& where) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] != '$' || (next != '$' && next != '{')) {
      out += text[i];
    } else if (next == '$') {
      out += '$';
      ++i;
    } else {
      const std::size_t end = text.find('}', i);
      if (end == std::string_view::npos) throw_at(where, "'${' without '}'; write $$ for a dollar sign");
      if (text.substr(i + 2, end - i - 2).find("${") != std::string_view::npos)
        throw_at(where, "a reference to the environment cannot hold another one: '" +
                            std::string(text.substr(i, end - i + 1)) + "'; write the default out");
      out += value_of(text.substr(i + 2, end - i - 2), where);
      i = end;
    }
  }
  return out;
}

}  // namespace pq
