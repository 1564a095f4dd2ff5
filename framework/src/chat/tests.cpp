// What may follow "is".
#include "chat/arithmetic.hpp"
#include "chat/builtin.hpp"
#include "chat/objects.hpp"
#include "chat/text.hpp"

namespace pq::jinja {
namespace {

// A test that looks at its value only.
template <bool (*kHolds)(const Value&)>
Value check(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  return Value(kHolds(value));
}

// A comparison with one other value.
Value compared(Runtime& runtime, Arguments& arguments, std::string_view op) {
  const Value value = arguments.required("value");
  const Value other = arguments.required("other");
  arguments.finish();
  return Value(compare(runtime, op, value, other));
}

Value equal_to(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, "=="); }
Value not_equal(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, "!="); }
Value less_than(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, "<"); }
Value at_most(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, "<="); }
Value greater_than(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, ">"); }
Value at_least(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, ">="); }
Value in(Runtime& runtime, Arguments& arguments) { return compared(runtime, arguments, "in"); }

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is_bool(); }
bool is_true_itself(const Value& value) { return value.is_bool() && value.integer() == 1; }
bool is_false_itself(const Value& value) { return value.is_bool() && value.integer() == 0; }
bool is_integer(const Value& value) { return value.is_integer() && !value.is_bool(); }
bool is_float(const Value& value) { return value.is_float(); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_string(const Value& value) { return value.is_text(); }
bool is_mapping(const Value& value) { return value.dict() != nullptr; }
bool is_callable(const Value& value) { return dynamic_cast<const Callable*>(value.object()) != nullptr; }

// Whatever has a length and subscripts: also texts, dicts and what is undefined.
bool is_sequence(const Value& value) {
  const Sequence* sequence = value.sequence();
  return value.is_text() || value.dict() != nullptr || value.is_undefined() ||
         (sequence != nullptr && sequence->kind <= SequenceKind::range);
}

bool is_iterable(const Value& value) {
  return value.is_text() || value.dict() != nullptr || value.is_undefined() || value.sequence() != nullptr ||
         dynamic_cast<const Loop*>(value.object()) != nullptr;
}

Value modulo_is(Runtime& runtime, Arguments& arguments, const Value& divisor, int rest) {
  const Value value = arguments.required("value");
  const Value by = divisor.is_none() ? arguments.required("num") : divisor;
  arguments.finish();
  return Value(equal(binary(runtime, "%", value, by), Value(rest)));
}

Value even(Runtime& runtime, Arguments& arguments) { return modulo_is(runtime, arguments, Value(2), 0); }
Value odd(Runtime& runtime, Arguments& arguments) { return modulo_is(runtime, arguments, Value(2), 1); }
Value divisible_by(Runtime& runtime, Arguments& arguments) {
  return modulo_is(runtime, arguments, Value(), 0);
}

Value lower_case(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  return Value(is_lower_case(runtime.to_text(value)));
}

Value upper_case(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  return Value(is_upper_case(runtime.to_text(value)));
}

// Equal constants count as the same object, as they mostly are in CPython.
Value same_as(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  const Value other = arguments.required("other");
  arguments.finish();
  if (value.data().index() != other.data().index()) return Value(false);
  if (value.sequence() != nullptr) return Value(value.sequence() == other.sequence());
  if (value.dict() != nullptr) return Value(value.dict() == other.dict());
  return Value(equal(value, other));
}

Value has_filter(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  return Value(find_filter(runtime.to_text(value)) != nullptr);
}

Value has_test(Runtime& runtime, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  return Value(find_test(runtime.to_text(value)) != nullptr);
}

}  // namespace

std::span<const Builtin> tests() {
  static constexpr Builtin kTable[] = {
      {"!=", not_equal},
      {"<", less_than},
      {"<=", at_most},
      {"==", equal_to},
      {">", greater_than},
      {">=", at_least},
      {"boolean", check<is_boolean>},
      {"callable", check<is_callable>},
      {"defined", check<is_defined>},
      {"divisibleby", divisible_by},
      {"eq", equal_to},
      {"equalto", equal_to},
      {"even", even},
      {"false", check<is_false_itself>},
      {"filter", has_filter},
      {"float", check<is_float>},
      {"ge", at_least},
      {"greaterthan", greater_than},
      {"gt", greater_than},
      {"in", in},
      {"integer", check<is_integer>},
      {"iterable", check<is_iterable>},
      {"le", at_most},
      {"lessthan", less_than},
      {"lower", lower_case},
      {"lt", less_than},
      {"mapping", check<is_mapping>},
      {"ne", not_equal},
      {"none", check<is_none>},
      {"number", check<is_number>},
      {"odd", odd},
      {"sameas", same_as},
      {"sequence", check<is_sequence>},
      {"string", check<is_string>},
      {"test", has_test},
      {"true", check<is_true_itself>},
      {"undefined", check<is_undefined>},
      {"upper", upper_case},
  };
  return kTable;
}

}  // namespace pq::jinja
