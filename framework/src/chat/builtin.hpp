// The filters, tests, functions and methods that templates may use, in tables: the reference page lists them from here.
#pragma once

#include "chat/arguments.hpp"
#include "chat/runtime.hpp"

#include <span>
#include <string_view>
#include <vector>

namespace pq::jinja {

/// A filter and a test get their value as the first argument, a method its object.
struct Builtin {
  std::string_view name;
  Value (*call)(Runtime&, Arguments&);
};

// Parts of the tables, one per file.
std::span<const Builtin> text_filters();
std::span<const Builtin> number_filters();
std::span<const Builtin> sequence_filters();
std::span<const Builtin> selecting_filters();
std::span<const Builtin> json_filters();

std::span<const Builtin> tests();
std::span<const Builtin> functions();
std::span<const Builtin> text_methods();
std::span<const Builtin> list_methods();  // also of tuples
std::span<const Builtin> dict_methods();

/// All filters.
std::vector<const Builtin*> filters();

/// nullptr if there is none.
const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_in(std::span<const Builtin> table, std::string_view name);

/// Calls by name, as map('upper') and select('string') do; throws TemplateError for unknown names, listing the known ones.
const Builtin& filter_named(std::string_view name);
const Builtin& test_named(std::string_view name);

/// What can be called and is no macro: a builtin, or a method with its object.
struct Callable : Object {
  virtual Value call(Runtime& runtime, std::vector<Value> positional,
                     std::vector<std::pair<std::string, Value>> named) = 0;
  std::string_view type_name() const noexcept override { return "function"; }
};

}  // namespace pq::jinja
