#include "chat/builtin.hpp"

#include <polyquant/base/text.hpp>

namespace pq::jinja {
namespace {

const Builtin& known(const Builtin* found, std::string_view kind, std::string_view name,
                     const std::vector<const Builtin*>& all) {
  if (found != nullptr) return *found;
  std::vector<std::string> names;
  for (const Builtin* builtin : all) names.emplace_back(builtin->name);
  throw TemplateError("the " + std::string(kind) + " '" + std::string(name) + "' is not supported" +
                      suggestion(name, names));
}

}  // namespace

std::vector<const Builtin*> filters() {
  std::vector<const Builtin*> all;
  for (const auto table :
       {text_filters(), number_filters(), sequence_filters(), selecting_filters(), json_filters()})
    for (const Builtin& builtin : table) all.push_back(&builtin);
  return all;
}

const Builtin* find_in(std::span<const Builtin> table, std::string_view name) {
  for (const Builtin& builtin : table)
    if (builtin.name == name) return &builtin;
  return nullptr;
}

const Builtin* find_filter(std::string_view name) {
  for (const auto table :
       {text_filters(), number_filters(), sequence_filters(), selecting_filters(), json_filters()})
    if (const Builtin* found = find_in(table, name)) return found;
  return nullptr;
}

const Builtin* find_test(std::string_view name) { return find_in(tests(), name); }

const Builtin& filter_named(std::string_view name) {
  return known(find_filter(name), "filter", name, filters());
}

const Builtin& test_named(std::string_view name) {
  std::vector<const Builtin*> all;
  for (const Builtin& builtin : tests()) all.push_back(&builtin);
  return known(find_test(name), "test", name, all);
}

}  // namespace pq::jinja
