// Options of a component, declared once. The struct holds the defaults, the schema all the rest; reading, checking, help, JSON Schema
// and reference docs are made from it.
//
//   struct GptqOptions { int block = 128; double damp = 0.01; };
//   inline const auto gptq_schema = pq::Schema<GptqOptions>()
//       .field("block", &GptqOptions::block, "Columns updated together.", pq::one_of({32, 64, 128}))
//       .field("damp", &GptqOptions::damp, "Share of the mean diagonal added before inversion.", pq::range(1e-6, 1.0));
#pragma once

#include <polyquant/base/node.hpp>

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace pq {

enum class OptionType { boolean, integer, number, string };

/// One option, as help and validation see it.
struct OptionInfo {
  std::string name;
  std::string help;  // one sentence that ends with a period
  OptionType type = OptionType::string;
  std::string default_text;
  std::vector<std::string> choices;  // empty: any value
  std::optional<double> minimum, maximum;
};

using OptionTable = std::vector<OptionInfo>;

/// What a value may be.
struct Constraint {
  std::vector<std::string> choices;
  std::optional<double> minimum, maximum;
};
inline Constraint range(double minimum, double maximum) { return {{}, minimum, maximum}; }
inline Constraint at_least(double minimum) { return {{}, minimum, std::nullopt}; }
inline Constraint one_of(std::vector<std::string> choices) { return {std::move(choices), {}, {}}; }
// Without these two, one_of({"a", "b"}) could also be a vector made from two pointers.
inline Constraint one_of(std::initializer_list<const char*> choices) {
  return {{choices.begin(), choices.end()}, {}, {}};
}
PQ_API Constraint one_of(std::initializer_list<int> choices);

namespace detail {
/// Throws ConfigError at the node if a value of the map is not known to the table; names the nearest known key.
PQ_API void check_known_keys(const Node& values, const OptionTable& table, std::string_view component);
/// Throws ConfigError at the node if its value breaks the constraint.
PQ_API void check_constraint(const Node& value, const OptionInfo& option);
PQ_API std::string default_text(double value);

template <class T>
constexpr OptionType option_type() {
  if constexpr (std::is_same_v<T, bool>)
    return OptionType::boolean;
  else if constexpr (std::is_integral_v<T>)
    return OptionType::integer;
  else if constexpr (std::is_floating_point_v<T>)
    return OptionType::number;
  else
    return OptionType::string;
}
PQ_API void check_integer_range(const Node& value, const OptionInfo& option, std::int64_t minimum,
                                std::int64_t maximum);
}  // namespace detail

/// The options of one component: how to read them into a T.
template <class T>
class Schema {
 public:
  template <class M>
  Schema field(std::string name, M T::*member, std::string help, Constraint constraint = {}) && {
    static_assert(std::is_same_v<M, bool> || std::is_integral_v<M> || std::is_floating_point_v<M> ||
                      std::is_same_v<M, std::string>,
                  "an option is a bool, an integer, a floating-point number or a string");
    OptionInfo info{std::move(name),
                    std::move(help),
                    detail::option_type<M>(),
                    text_of(T{}.*member),
                    std::move(constraint.choices),
                    constraint.minimum,
                    constraint.maximum};
    table_.push_back(info);
    setters_.push_back([member, info](T& target, const Node& value) { assign(target.*member, value, info); });
    return std::move(*this);
  }

  const OptionTable& table() const noexcept { return table_; }

  /// Reads the members of `values` (a map, or null for all defaults) into a T. Unknown keys, wrong types and values out of range throw
  /// ConfigError at their place. `component` names whose options these are: "nf4".
  T parse(const Node& values, std::string_view component) const {
    T result{};
    detail::check_known_keys(values, table_, component);
    for (std::size_t i = 0; i < table_.size(); ++i)
      if (const Node* value = values.find(table_[i].name)) setters_[i](result, *value);
    return result;
  }

 private:
  template <class M>
  static std::string text_of(const M& value) {
    if constexpr (std::is_same_v<M, bool>)
      return value ? "true" : "false";
    else if constexpr (std::is_integral_v<M>)
      return std::to_string(value);
    else if constexpr (std::is_floating_point_v<M>)
      return detail::default_text(static_cast<double>(value));
    else
      return value;
  }

  template <class M>
  static void assign(M& target, const Node& value, const OptionInfo& info) {
    if constexpr (std::is_same_v<M, bool>) {
      target = value.as_bool(info.name);
    } else if constexpr (std::is_integral_v<M>) {
      const std::int64_t number = value.as_int(info.name);
      detail::check_integer_range(
          value, info, static_cast<std::int64_t>(std::numeric_limits<M>::min()),
          sizeof(M) < 8 ? static_cast<std::int64_t>(std::numeric_limits<M>::max()) : INT64_MAX);
      target = static_cast<M>(number);
    } else if constexpr (std::is_floating_point_v<M>) {
      target = static_cast<M>(value.as_double(info.name));
    } else {
      target = value.as_string(info.name);
    }
    detail::check_constraint(value, info);
  }

  OptionTable table_;
  std::vector<std::function<void(T&, const Node&)>> setters_;
};

/// Components without options.
struct NoOptions {};

}  // namespace pq
