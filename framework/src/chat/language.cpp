#include "chat/language.hpp"

#include "chat/builtin.hpp"
#include "chat/objects.hpp"
#include "chat/parser.hpp"

#include <algorithm>

namespace pq {
namespace {

ChatLanguagePart part(std::string title, const std::vector<std::string_view>& names) {
  ChatLanguagePart result{std::move(title), {names.begin(), names.end()}};
  std::sort(result.names.begin(), result.names.end());
  return result;
}

std::vector<std::string_view> names_of(std::span<const jinja::Builtin> table) {
  std::vector<std::string_view> names;
  for (const jinja::Builtin& builtin : table) names.push_back(builtin.name);
  return names;
}

}  // namespace

std::vector<ChatLanguagePart> chat_language() {
  std::vector<std::string_view> filters;
  for (const jinja::Builtin* filter : jinja::filters()) filters.push_back(filter->name);
  return {part("Tags", jinja::supported_tags()),
          part("Filters", filters),
          part("Tests, after `is`", names_of(jinja::tests())),
          part("Functions", names_of(jinja::functions())),
          part("Methods of strings", names_of(jinja::text_methods())),
          part("Methods of dicts", names_of(jinja::dict_methods())),
          part("Methods of lists and tuples", names_of(jinja::list_methods())),
          part("Attributes of `loop`, besides the methods `changed` and `cycle`",
               jinja::Loop::attribute_names())};
}

}  // namespace pq
