#include <polyquant/base/error.hpp>

#include "plugin/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace pq {
namespace {

[[noreturn]] void throw_wrong_form(const Mark& mark, std::string_view what) {
  throw_at(
      mark,
      fmt::format(
          "'{}' must be a name, a name with options as in 'name:key=value,key=value', or a map with 'type'",
          what));
}

// The place of a part of a scalar. Only plain scalars stand in the file as they are.
Mark mark_at(const Node& spec, std::size_t offset) {
  Mark mark = spec.mark();
  if (mark.line > 0 && !spec.quoted()) mark.column += static_cast<int>(offset);
  return mark;
}

// "bits=4" at `offset` of the scalar.
void add_option(Node& options, const Node& spec, std::size_t offset, std::string_view text,
                std::string_view what) {
  const std::size_t equals = text.find('=');
  const Mark place = mark_at(spec, offset);
  if (equals == std::string_view::npos || equals == 0)
    throw_at(place, fmt::format("'{}' of {} '{}' must have the form key=value", text, what, spec.text()));
  std::string key(text.substr(0, equals));
  if (options.find(key) != nullptr)
    throw_at(place, fmt::format("'{}' is given twice in {} '{}'", key, what, spec.text()));
  Node value = Node::scalar(std::string(text.substr(equals + 1)), false, mark_at(spec, offset + equals + 1));
  options.set(std::move(key), std::move(value), place);
}

ComponentSpec from_text(const Node& spec, std::string_view what) {
  const std::string_view text = spec.text();
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (colon == 0) throw_wrong_form(spec.mark(), what);
  ComponentSpec result{std::string(text.substr(0, colon)), Node::map(spec.mark())};
  for (std::size_t begin = colon + 1; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    add_option(result.options, spec, begin, text.substr(begin, end - begin), what);
    begin = end + 1;
  }
  return result;
}

ComponentSpec from_map(const Node& spec, std::string_view what) {
  const Node* type = spec.find("type");
  if (type == nullptr)
    throw_at(spec.mark(), fmt::format("'{}' is a map without 'type'; name the {} there", what, what));
  if (!type->is_scalar() || type->text().empty() || type->text().find(':') != std::string::npos)
    throw_at(type->mark(),
             fmt::format("'type' of '{}' must be a plain name; its options are keys beside it", what));
  ComponentSpec result{type->text(), spec};
  result.options.erase("type");
  return result;
}

}  // namespace

ComponentSpec parse_component_spec(const Node& spec, std::string_view what) {
  if (spec.is_scalar()) return from_text(spec, what);
  if (spec.is_map()) return from_map(spec, what);
  throw_wrong_form(spec.mark(), what);
}

}  // namespace pq
