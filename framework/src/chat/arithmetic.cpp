#include "chat/arithmetic.hpp"

#include "chat/text.hpp"

#include <cmath>
#include <limits>

namespace pq::jinja {
namespace {

constexpr auto kMin = std::numeric_limits<std::int64_t>::min();

[[noreturn]] void unsupported(std::string_view op, const Value& a, const Value& b) {
  for (const Value* value : {&a, &b})
    if (value->is_undefined()) throw TemplateError(*std::get<Undefined>(value->data()).reason);
  throw TemplateError("'" + std::string(type_name(a)) + " " + std::string(op) + " " +
                      std::string(type_name(b)) + "' is not possible");
}

[[noreturn]] void overflow() { throw TemplateError("an integer needs more than 64 bits"); }

// `op` is one of gcc's and clang's overflow builtins.
template <class Op>
Value checked(Op op, std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (op(a, b, &result)) overflow();
  return Value(result);
}

std::int64_t floor_quotient(std::int64_t a, std::int64_t b) {
  if (a == kMin && b == -1) overflow();
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double floor_modulo(double a, double b) {
  const double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  return (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Value integer_power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) {
    if (base == 0) throw TemplateError("0 cannot be raised to a negative power");
    return Value(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  std::int64_t result = 1;
  if (base == 0 || base == 1) return Value(exponent == 0 ? std::int64_t{1} : base);
  if (base == -1) return Value(exponent % 2 == 0 ? 1 : -1);
  for (; exponent > 0; --exponent)
    if (__builtin_mul_overflow(result, base, &result)) overflow();
  return Value(result);
}

Value integers(std::string_view op, std::int64_t a, std::int64_t b) {
  const auto add = [](auto x, auto y, auto* out) { return __builtin_add_overflow(x, y, out); };
  const auto subtract = [](auto x, auto y, auto* out) { return __builtin_sub_overflow(x, y, out); };
  const auto multiply = [](auto x, auto y, auto* out) { return __builtin_mul_overflow(x, y, out); };
  if (op == "+") return checked(add, a, b);
  if (op == "-") return checked(subtract, a, b);
  if (op == "*") return checked(multiply, a, b);
  if (op == "**") return integer_power(a, b);
  if (b == 0) throw TemplateError("division by zero");
  if (op == "/") return Value(static_cast<double>(a) / static_cast<double>(b));
  if (op == "//") return Value(floor_quotient(a, b));
  return Value(b == -1 ? std::int64_t{0} : a - floor_quotient(a, b) * b);
}

Value floats(std::string_view op, double a, double b) {
  if (op == "+") return Value(a + b);
  if (op == "-") return Value(a - b);
  if (op == "*") return Value(a * b);
  if (op == "**") {
    if ((a == 0 && b < 0) || (a < 0 && b != std::floor(b))) throw TemplateError("a power has no real value");
    return Value(std::pow(a, b));
  }
  if (b == 0) throw TemplateError("division by zero");
  if (op == "/") return Value(a / b);
  if (op == "//") return Value(std::floor((a - floor_modulo(a, b)) / b + 0.0));
  return Value(floor_modulo(a, b));
}

Value repeated(Runtime& runtime, const Value& value, std::int64_t count) {
  const std::size_t size = value.is_text() ? value.text().size() : value.sequence()->items.size();
  const auto times = static_cast<std::size_t>(std::max<std::int64_t>(count, 0));
  if (size > 0 && times > runtime.limits().value_bytes / size)
    throw TemplateError("a repetition is too large");
  runtime.allocate(size * times * (value.is_text() ? 1 : sizeof(Value)));
  if (value.is_text()) {
    std::string text;
    text.reserve(size * times);
    for (std::size_t i = 0; size > 0 && i < times; ++i) text += value.text();
    return runtime.text_like(value, std::move(text));
  }
  std::vector<Value> items;
  for (std::size_t i = 0; size > 0 && i < times; ++i)
    items.insert(items.end(), value.sequence()->items.begin(), value.sequence()->items.end());
  return runtime.sequence(value.sequence()->kind, std::move(items));
}

bool is_list(const Value& value) {
  return value.sequence() != nullptr && value.sequence()->kind <= SequenceKind::tuple;
}

Value joined(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_text() && b.is_text()) {
    runtime.allocate(a.text().size() + b.text().size());
    if (!a.is_markup() && !b.is_markup()) return runtime.text(a.text() + b.text());
    const auto safe = [](const Value& value) {
      return value.is_markup() ? value.text() : escape_html(value.text());
    };
    return runtime.text_like(a.is_markup() ? a : b, safe(a) + safe(b));
  }
  if (!is_list(a) || !is_list(b) || a.sequence()->kind != b.sequence()->kind) unsupported("+", a, b);
  std::vector<Value> items = a.sequence()->items;
  items.insert(items.end(), b.sequence()->items.begin(), b.sequence()->items.end());
  runtime.step(items.size());
  return runtime.sequence(a.sequence()->kind, std::move(items));
}

}  // namespace

Value binary(Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  if (a.is_integer() && b.is_integer()) return integers(op, a.integer(), b.integer());
  if (a.is_number() && b.is_number()) return floats(op, a.number(), b.number());
  if (op == "+") return joined(runtime, a, b);
  if (op == "%" && a.is_text()) {
    if (a.is_markup())
      throw TemplateError("'%' formatting of a text that is safe or escaped is not supported");
    return format_percent(runtime, a.text(), b);
  }
  if (op == "*") {
    if ((a.is_text() || is_list(a)) && b.is_integer()) return repeated(runtime, a, b.integer());
    if ((b.is_text() || is_list(b)) && a.is_integer()) return repeated(runtime, b, a.integer());
  }
  unsupported(op, a, b);
}

Value unary(std::string_view op, const Value& a) {
  if (a.is_float()) return Value(op == "-" ? -a.number() : a.number());
  if (a.is_integer()) {
    if (op == "-" && a.integer() == kMin) overflow();
    return Value(op == "-" ? -a.integer() : a.integer());
  }
  if (a.is_undefined()) throw TemplateError(*std::get<Undefined>(a.data()).reason);
  throw TemplateError("'" + std::string(op) + std::string(type_name(a)) + "' is not possible");
}

bool contains(Runtime& runtime, const Value& container, const Value& value) {
  if (container.is_text()) {
    if (value.is_undefined()) throw TemplateError(*std::get<Undefined>(value.data()).reason);
    if (!value.is_text())
      throw TemplateError("only a string can be 'in' a string, not a value of type " +
                          std::string(type_name(value)));
    runtime.step(1 + (container.text().size() + value.text().size()) / 64);
    return find_first(container.text(), value.text()) != std::string_view::npos;
  }
  if (const Dict* dict = container.dict()) {
    runtime.step(1 + dict->items.size() / 16);
    if (!is_hashable(value))
      throw TemplateError("a value of type " + std::string(type_name(value)) + " cannot be a key of a dict");
    if (value.is_text()) return dict->find(value.text()) != nullptr;
  }
  if (const Sequence* sequence = container.sequence()) {
    // A generator is used up to the element that is found.
    for (std::size_t i = sequence->next; i < sequence->items.size(); ++i) {
      if (sequence->is_generator()) sequence->next = i + 1;
      if (runtime.equal(sequence->items[i], value)) return true;
    }
    return false;
  }
  if (container.object() != nullptr || (container.dict() == nullptr && !container.is_undefined()))
    throw TemplateError("nothing can be 'in' a value of type " + std::string(type_name(container)));
  for (const Value& element : runtime.elements(container))
    if (runtime.equal(element, value)) return true;
  return false;
}

bool compare(Runtime& runtime, std::string_view op, const Value& a, const Value& b) {
  if (op == "==") return runtime.equal(a, b);
  if (op == "!=") return !runtime.equal(a, b);
  if (op == "in") return contains(runtime, b, a);
  if (op == "not in") return !contains(runtime, b, a);
  if (op == "<") return runtime.less(a, b);
  if (op == ">") return runtime.less(b, a);
  const bool is_nan = (a.is_float() && std::isnan(a.number())) || (b.is_float() && std::isnan(b.number()));
  const bool reversed = op == "<=" ? runtime.less(b, a) : runtime.less(a, b);
  return !reversed && !is_nan;
}

}  // namespace pq::jinja
