// Functions that every template may call: Jinja's, and the two that transformers adds.
#include "chat/builtin.hpp"
#include "chat/objects.hpp"

#include <algorithm>

namespace pq::jinja {
namespace {

Value range(Runtime& runtime, Arguments& arguments) {
  const std::vector<Value> parts = arguments.rest();
  arguments.finish();
  if (parts.empty() || parts.size() > 3) throw TemplateError(arguments.what() + " takes 1 to 3 integers");
  std::int64_t numbers[3] = {0, 0, 1};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i].is_integer())
      throw TemplateError(arguments.what() + " takes integers, got a value of type " +
                          std::string(type_name(parts[i])));
    numbers[parts.size() == 1 ? 1 : i] = parts[i].integer();
  }
  const auto [start, stop, step] = numbers;
  if (step == 0) throw TemplateError(arguments.what() + ": the step must not be 0");
  std::vector<Value> items;
  for (std::int64_t value = start; step > 0 ? value < stop : value > stop;) {
    if (items.size() >= kMaxRange)
      throw TemplateError(arguments.what() + " gives at most " + std::to_string(kMaxRange) + " numbers");
    items.emplace_back(value);
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  runtime.step(items.size());
  std::string label = "range(" + std::to_string(start) + ", " + std::to_string(stop);
  if (parts.size() == 3 && step != 1) label += ", " + std::to_string(step);
  return runtime.sequence(SequenceKind::range, std::move(items), label + ")");
}

// dict(other, name=value, ...) and namespace() take the same arguments.
std::vector<std::pair<Value, Value>> members(Runtime& runtime, Arguments& arguments) {
  std::vector<std::pair<Value, Value>> items;
  const auto put = [&](const Value& key, const Value& value) {
    runtime.step();
    for (auto& [name, old] : items) {
      if (!runtime.equal(name, key)) continue;
      old = value;
      return;
    }
    items.emplace_back(key, value);
  };
  std::vector<Value> rest = arguments.rest();
  if (rest.size() > 1) throw TemplateError(arguments.what() + " takes at most 1 argument without a name");
  if (!rest.empty() && rest[0].dict() != nullptr) {
    items = rest[0].dict()->items;
  } else if (!rest.empty()) {
    for (const Value& pair : runtime.elements(rest[0])) {
      const std::vector<Value> parts = runtime.elements(pair);
      if (parts.size() != 2 || !is_hashable(parts[0]))
        throw TemplateError(arguments.what() + " needs pairs of key and value");
      put(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.rest_named()) put(Value(name), value);
  return items;
}

Value make_dict(Runtime& runtime, Arguments& arguments) { return runtime.dict(members(runtime, arguments)); }

Value make_namespace(Runtime& runtime, Arguments& arguments) {
  auto* result = runtime.make<Namespace>();
  for (const auto& [key, value] : members(runtime, arguments))
    if (key.is_text()) result->set(key.text(), value);
  return Value(static_cast<Object*>(result));
}

Value raise_exception(Runtime& runtime, Arguments& arguments) {
  const std::string message = runtime.to_text(arguments.required("message"));
  arguments.finish();
  throw TemplateError("the template refuses these messages: " + message);
}

Value strftime_now(Runtime& runtime, Arguments& arguments) {
  const std::string format = arguments.text("format");
  arguments.finish();
  std::tm moment{};
  if (runtime.now) {
    moment = *runtime.now;
  } else {
    const std::time_t seconds = std::time(nullptr);
    ::localtime_r(&seconds, &moment);
  }
  if (format.empty()) return runtime.text("");
  if (format.size() > 1000 || format.find('\0') != std::string::npos)
    throw TemplateError(arguments.what() + ": the format is not a date's");
  std::string out(8 * format.size() + 256, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &moment));
  return runtime.text(std::move(out));
}

}  // namespace

std::span<const Builtin> functions() {
  static constexpr Builtin kTable[] = {{"dict", make_dict},
                                       {"namespace", make_namespace},
                                       {"raise_exception", raise_exception},
                                       {"range", range},
                                       {"strftime_now", strftime_now}};
  return kTable;
}

}  // namespace pq::jinja
