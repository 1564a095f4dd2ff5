// Objects that templates make: namespaces, loops and methods.
#pragma once

#include "chat/builtin.hpp"

#include <functional>
#include <map>
#include <optional>

namespace pq::jinja {

struct Namespace final : Object {
  std::map<std::string, Value, std::less<>> attributes;

  std::string_view type_name() const noexcept override { return "Namespace"; }
  const Value* find(std::string_view name) const noexcept {
    const auto found = attributes.find(name);
    return found == attributes.end() ? nullptr : &found->second;
  }
  void set(const std::string& name, Value value) { attributes.insert_or_assign(name, std::move(value)); }
};

/// The variable `loop`. Elements are taken one by one, as the loop's filter may look at what the body has done.
class Loop final : public Object {
 public:
  /// `accepts` is the loop's filter, or nothing; it is not called after abandon().
  Loop(std::vector<Value> elements, std::function<bool(const Value&)> accepts)
      : elements_(std::move(elements)), accepts_(std::move(accepts)) {}

  /// Moves on; false at the end.
  bool advance(Value& element);
  /// The loop is over; its variable may live on.
  void abandon();

  std::string_view type_name() const noexcept override { return "LoopContext"; }
  /// index, index0, first, last, length, ...; nothing if there is no such attribute.
  std::optional<Value> attribute(std::string_view name);
  Value cycle(Arguments& arguments) const;
  Value changed(Runtime& runtime, Arguments& arguments);
  static std::vector<std::string_view> attribute_names();

 private:
  struct Entry;
  static const std::vector<Entry>& entries();
  std::optional<Value> pull();
  bool peek();
  std::int64_t length();

  std::vector<Value> elements_;
  std::function<bool(const Value&)> accepts_;
  std::size_t next_ = 0;
  std::int64_t index0_ = -1;
  std::optional<std::int64_t> length_;
  std::optional<Value> before_, current_, after_, last_changed_;
};

/// A method with its object, or a function by name.
struct BoundBuiltin final : Callable {
  BoundBuiltin(const Builtin& function, std::optional<Value> owner)
      : builtin(function), object(std::move(owner)) {}

  std::string_view type_name() const noexcept override { return object ? "method" : "function"; }
  Value call(Runtime& runtime, std::vector<Value> positional,
             std::vector<std::pair<std::string, Value>> named) override;

  const Builtin& builtin;
  std::optional<Value> object;
};

/// What a call needs, for filters, tests and functions alike; `kind` is "filter", "test", "function" or "method".
Value call_builtin(Runtime& runtime, const Builtin& builtin, std::string_view kind,
                   std::vector<Value> positional, std::vector<std::pair<std::string, Value>> named);

}  // namespace pq::jinja
