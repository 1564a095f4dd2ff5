// Filters on numbers.
#include "chat/arithmetic.hpp"
#include "chat/builtin.hpp"
#include "chat/number_text.hpp"

#include <charconv>
#include <cmath>

namespace pq::jinja {
namespace {

void refuse_undefined(const Value& value) {
  if (value.is_undefined()) throw TemplateError(*std::get<Undefined>(value.data()).reason);
}

Value absolute(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  arguments.finish();
  if (!value.is_number())
    throw TemplateError(arguments.what() + " needs a number, got a value of type " +
                        std::string(type_name(value)));
  if (value.is_float()) return Value(std::fabs(value.number()));
  return value.integer() < 0 ? unary("-", value) : Value(value.integer());
}

// int(float): towards zero; nothing for NaN.
std::optional<Value> whole(double value) {
  if (std::isnan(value)) return std::nullopt;
  if (!(std::fabs(value) < 0x1p63)) throw TemplateError("an integer needs more than 64 bits");
  return Value(static_cast<std::int64_t>(value));
}

Value to_integer(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  const Value fallback = arguments.take("default").value_or(Value(0));
  const std::int64_t base = arguments.integer("base", 10);
  arguments.finish();
  if (base != 0 && (base < 2 || base > 36))
    throw TemplateError(arguments.what() + ": 'base' must be 0 or 2 to 36");
  refuse_undefined(value);
  if (value.is_float()) return whole(value.number()).value_or(fallback);
  if (value.is_integer()) return Value(value.integer());
  if (!value.is_text()) return fallback;
  if (const auto parsed = parse_integer(value.text(), static_cast<int>(base))) return Value(*parsed);
  const auto parsed = parse_float(value.text());
  if (!parsed || std::isinf(*parsed)) return fallback;
  return whole(*parsed).value_or(fallback);
}

Value to_float(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  const Value fallback = arguments.take("default").value_or(Value(0.0));
  arguments.finish();
  refuse_undefined(value);
  if (value.is_number()) return Value(value.number());
  if (!value.is_text()) return fallback;
  const auto parsed = parse_float(value.text());
  return parsed ? Value(*parsed) : fallback;
}

// round(): halves go to the even neighbour, decided by the exact decimal value, which to_chars knows.
double rounded(double value, std::int64_t digits) {
  if (!std::isfinite(value) || digits > 320) return value;
  if (digits >= 0) {
    char text[800];
    const auto end =
        std::to_chars(text, text + sizeof(text), value, std::chars_format::fixed, static_cast<int>(digits))
            .ptr;
    std::from_chars(text, end, value);
    return value;
  }
  if (digits < -308) return std::copysign(0.0, value);
  const double unit = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / unit) * unit;
}

std::int64_t rounded(std::int64_t value, std::int64_t digits) {
  if (digits >= 0) return value;
  if (digits < -18) return 0;
  std::int64_t unit = 1;
  for (; digits < 0; ++digits) unit *= 10;
  std::int64_t quotient = value / unit;
  const std::int64_t rest = std::abs(value % unit);
  if (rest > unit - rest || (rest == unit - rest && quotient % 2 != 0)) quotient += value < 0 ? -1 : 1;
  std::int64_t result = 0;
  if (__builtin_mul_overflow(quotient, unit, &result))
    throw TemplateError("an integer needs more than 64 bits");
  return result;
}

Value round(Runtime&, Arguments& arguments) {
  const Value value = arguments.required("value");
  const std::int64_t digits = arguments.integer("precision", 0);
  const std::string method = arguments.optional_text("method").value_or("common");
  arguments.finish();
  if (!value.is_number())
    throw TemplateError(arguments.what() + " needs a number, got a value of type " +
                        std::string(type_name(value)));
  if (method == "common")
    return value.is_float() ? Value(rounded(value.number(), digits))
                            : Value(rounded(value.integer(), digits));
  if (method != "ceil" && method != "floor")
    throw TemplateError(arguments.what() + ": 'method' must be common, ceil or floor");
  const double unit = std::pow(10.0, static_cast<double>(digits));
  const double scaled = value.number() * unit;
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit);
}

}  // namespace

std::span<const Builtin> number_filters() {
  static constexpr Builtin kTable[] = {
      {"abs", absolute}, {"float", to_float}, {"int", to_integer}, {"round", round}};
  return kTable;
}

}  // namespace pq::jinja
