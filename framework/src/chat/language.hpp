// The names that chat templates may use, for the reference page.
#pragma once

#include <string>
#include <vector>

namespace pq {

struct ChatLanguagePart {
  std::string title;
  std::vector<std::string> names;
};

/// Tags, filters, tests, functions, methods and loop attributes, each sorted, from the interpreter's own tables.
std::vector<ChatLanguagePart> chat_language();

}  // namespace pq
