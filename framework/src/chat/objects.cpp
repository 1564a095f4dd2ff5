#include "chat/objects.hpp"

namespace pq::jinja {

struct Loop::Entry {
  std::string_view name;
  Value (*value)(Loop&);
};

std::optional<Value> Loop::pull() {
  while (next_ < elements_.size()) {
    Value element = std::move(elements_[next_++]);
    if (!accepts_ || accepts_(element)) return element;
  }
  return std::nullopt;
}

bool Loop::peek() {
  if (!after_) after_ = pull();
  return after_.has_value();
}

bool Loop::advance(Value& element) {
  std::optional<Value> taken = after_ ? std::exchange(after_, std::nullopt) : pull();
  if (!taken) return false;
  ++index0_;
  before_ = std::exchange(current_, taken);
  element = *std::move(taken);
  return true;
}

void Loop::abandon() {
  if (!accepts_) length();
  elements_.clear();
  next_ = 0;
  accepts_ = nullptr;
}

// With a filter, the elements that are left are sifted now, as jinja2.runtime.LoopContext.length does.
std::int64_t Loop::length() {
  if (length_) return *length_;
  if (!accepts_) return *(length_ = static_cast<std::int64_t>(elements_.size()));
  std::vector<Value> left;
  while (auto element = pull()) left.push_back(*std::move(element));
  elements_ = std::move(left);
  accepts_ = nullptr;
  next_ = 0;
  length_ = static_cast<std::int64_t>(elements_.size()) + index0_ + 1 + (after_ ? 1 : 0);
  return *length_;
}

const std::vector<Loop::Entry>& Loop::entries() {
  static const std::vector<Entry> table = {
      {"depth", [](Loop&) { return Value(1); }},
      {"depth0", [](Loop&) { return Value(0); }},
      {"first", [](Loop& loop) { return Value(loop.index0_ == 0); }},
      {"index", [](Loop& loop) { return Value(loop.index0_ + 1); }},
      {"index0", [](Loop& loop) { return Value(loop.index0_); }},
      {"last", [](Loop& loop) { return Value(!loop.peek()); }},
      {"length", [](Loop& loop) { return Value(loop.length()); }},
      {"nextitem",
       [](Loop& loop) { return loop.peek() ? *loop.after_ : Value::undefined("there is no next item"); }},
      {"previtem",
       [](Loop& loop) {
         return loop.index0_ > 0 ? *loop.before_ : Value::undefined("there is no previous item");
       }},
      {"revindex", [](Loop& loop) { return Value(loop.length() - loop.index0_); }},
      {"revindex0", [](Loop& loop) { return Value(loop.length() - loop.index0_ - 1); }},
  };
  return table;
}

std::optional<Value> Loop::attribute(std::string_view name) {
  for (const Entry& entry : entries())
    if (entry.name == name) return entry.value(*this);
  return std::nullopt;
}

std::vector<std::string_view> Loop::attribute_names() {
  std::vector<std::string_view> names;
  for (const Entry& entry : entries()) names.push_back(entry.name);
  return names;
}

Value Loop::cycle(Arguments& arguments) const {
  const std::vector<Value> values = arguments.rest();
  arguments.finish();
  if (values.empty()) throw TemplateError("loop.cycle needs values");
  return values[static_cast<std::size_t>(std::max<std::int64_t>(index0_, 0)) % values.size()];
}

Value Loop::changed(Runtime& runtime, Arguments& arguments) {
  Value now = runtime.tuple(arguments.rest());
  arguments.finish();
  if (last_changed_ && runtime.equal(*last_changed_, now)) return Value(false);
  last_changed_ = std::move(now);
  return Value(true);
}

Value call_builtin(Runtime& runtime, const Builtin& builtin, std::string_view kind,
                   std::vector<Value> positional, std::vector<std::pair<std::string, Value>> named) {
  runtime.step();
  Arguments arguments("the " + std::string(kind) + " '" + std::string(builtin.name) + "'",
                      std::move(positional), std::move(named));
  return builtin.call(runtime, arguments);
}

Value BoundBuiltin::call(Runtime& runtime, std::vector<Value> positional,
                         std::vector<std::pair<std::string, Value>> named) {
  if (object) positional.insert(positional.begin(), *object);
  return call_builtin(runtime, builtin, object ? "method" : "function", std::move(positional),
                      std::move(named));
}

}  // namespace pq::jinja
