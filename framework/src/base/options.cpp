#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>
#include <polyquant/options.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace pq {
namespace {

// The value in the form in which choices are written: `010` is the choice 10.
std::string normal_form(const Node& value, const OptionInfo& option) {
  switch (option.type) {
    case OptionType::boolean:
      return value.as_bool(option.name) ? "true" : "false";
    case OptionType::integer:
      return std::to_string(value.as_int(option.name));
    case OptionType::number:
      return detail::default_text(value.as_double(option.name));
    case OptionType::string:
      break;
  }
  return value.as_string(option.name);
}

std::string legal_range(const OptionInfo& option) {
  using detail::default_text;
  if (!option.maximum) return "at least " + default_text(*option.minimum);
  if (!option.minimum) return "at most " + default_text(*option.maximum);
  return "between " + default_text(*option.minimum) + " and " + default_text(*option.maximum);
}

void check_choice(const Node& value, const OptionInfo& option) {
  const std::string text = normal_form(value, option);
  if (std::find(option.choices.begin(), option.choices.end(), text) != option.choices.end()) return;
  throw_at(value.mark(), fmt::format("'{}' must be one of {}, got '{}'", option.name,
                                     fmt::join(option.choices, ", "), text));
}

}  // namespace

Constraint one_of(std::initializer_list<int> choices) {
  Constraint constraint;
  for (const int choice : choices) constraint.choices.push_back(std::to_string(choice));
  return constraint;
}

namespace detail {

void check_known_keys(const Node& values, const OptionTable& table, std::string_view component) {
  if (values.is_null()) return;
  if (!values.is_map())
    throw_at(values.mark(), fmt::format("the options of '{}' must be a map of names and values", component));
  for (const Node::Member& member : values.members()) {
    const auto same = [&](const OptionInfo& option) { return option.name == member.key; };
    if (std::any_of(table.begin(), table.end(), same)) continue;
    const Mark& place = member.mark.source ? member.mark : member.value.mark();
    if (table.empty())
      throw_at(place, fmt::format("unknown key '{}': {} has no options", member.key, component));
    std::vector<std::string> names;
    for (const OptionInfo& option : table) names.push_back(option.name);
    throw_at(place,
             fmt::format("unknown key '{}' of {}{}", member.key, component, suggestion(member.key, names)));
  }
}

void check_constraint(const Node& value, const OptionInfo& option) {
  if (!option.choices.empty()) check_choice(value, option);
  if (!option.minimum && !option.maximum) return;
  const double number = value.as_double(option.name);
  const bool fits =
      (!option.minimum || number >= *option.minimum) && (!option.maximum || number <= *option.maximum);
  if (!fits)
    throw_at(value.mark(),
             fmt::format("'{}' must be {}, got {}", option.name, legal_range(option), value.text()));
}

void check_integer_range(const Node& value, const OptionInfo& option, std::int64_t minimum,
                         std::int64_t maximum) {
  const std::int64_t number = value.as_int(option.name);
  if (number >= minimum && number <= maximum) return;
  throw_at(value.mark(),
           fmt::format("'{}' must be between {} and {}, got {}", option.name, minimum, maximum, number));
}

std::string default_text(double value) {
  std::array<char, 32> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace detail
}  // namespace pq
