// Values of the template language: Python's, as far as templates see them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace pq::jinja {

class Value;
struct Sequence;
struct Dict;
struct Object;

/// A missing variable or member: prints as nothing, and most other uses are errors with this text.
struct Undefined {
  std::shared_ptr<const std::string> reason;
};
struct None {};
using Text = std::shared_ptr<const std::string>;  // valid UTF-8
using SequencePtr = std::shared_ptr<const Sequence>;
using DictPtr = std::shared_ptr<const Dict>;

/// Immutable, but for objects (namespaces, loops) and the position of a generator, which belong to one rendering.
class Value {
 public:
  using Data = std::variant<Undefined, None, bool, std::int64_t, double, Text, SequencePtr, DictPtr, Object*>;

  // Out of line: where gcc 12 inlines them, it warns falsely of uninitialized parts.
  Value();
  Value(const Value&);
  Value(Value&&) noexcept;
  Value& operator=(const Value&);
  Value& operator=(Value&&) noexcept;
  ~Value();
  explicit Value(Data data) : data_(std::move(data)) {}
  Value(bool value) : data_(value) {}
  Value(int value) : data_(std::int64_t{value}) {}
  Value(std::int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string value) : data_(std::make_shared<const std::string>(std::move(value))) {}
  Value(const char* value) : Value(std::string(value)) {}
  Value(Object* value) : data_(value) {}

  static Value undefined(std::string reason) {
    return Value(Data(Undefined{std::make_shared<const std::string>(std::move(reason))}));
  }

  /// A text that the filters "safe" and "escape" made: what is added to it is escaped, as markupsafe does.
  static Value markup(std::string text) {
    Value result(std::move(text));
    result.is_markup_ = true;
    return result;
  }

  const Data& data() const noexcept { return data_; }
  bool is_undefined() const noexcept { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const noexcept { return std::holds_alternative<None>(data_); }
  bool is_bool() const noexcept { return std::holds_alternative<bool>(data_); }
  bool is_float() const noexcept { return std::holds_alternative<double>(data_); }
  /// As in Python, booleans are integers.
  bool is_integer() const noexcept { return std::holds_alternative<std::int64_t>(data_) || is_bool(); }
  bool is_number() const noexcept { return is_integer() || is_float(); }
  bool is_text() const noexcept { return std::holds_alternative<Text>(data_); }
  bool is_markup() const noexcept { return is_markup_; }

  /// The caller has checked the kind.
  std::int64_t integer() const {
    return is_bool() ? std::int64_t{std::get<bool>(data_)} : std::get<std::int64_t>(data_);
  }
  double number() const { return is_float() ? std::get<double>(data_) : static_cast<double>(integer()); }
  const std::string& text() const { return *std::get<Text>(data_); }
  /// nullptr if it is something else.
  const Sequence* sequence() const noexcept {
    const auto* found = std::get_if<SequencePtr>(&data_);
    return found == nullptr ? nullptr : found->get();
  }
  const Dict* dict() const noexcept {
    const auto* found = std::get_if<DictPtr>(&data_);
    return found == nullptr ? nullptr : found->get();
  }
  Object* object() const noexcept {
    const auto* found = std::get_if<Object*>(&data_);
    return found == nullptr ? nullptr : *found;
  }

 private:
  Data data_;
  bool is_markup_ = false;
};

enum class SequenceKind { list, tuple, range, dict_keys, dict_values, dict_items, generator };

struct Sequence {
  SequenceKind kind = SequenceKind::list;
  std::vector<Value> items;
  std::string label = {};        // how a range prints
  int depth = 1;                 // containers inside each other
  std::size_t weight = 1;        // values inside, all levels, shared ones counted each time
  mutable std::size_t next = 0;  // generator: the items before are used up, as in Python

  bool is_generator() const noexcept { return kind == SequenceKind::generator; }
};

struct Dict {
  std::vector<std::pair<Value, Value>> items;  // in the order of insertion
  int depth = 1;
  std::size_t weight = 1;

  const Value* find(std::string_view key) const noexcept;
};

/// What has an identity: a namespace, a loop, a function. Owned by the rendering.
struct Object {
  virtual ~Object() = default;
  virtual std::string_view type_name() const noexcept = 0;
};

/// "str", "dict", "NoneType": Python's name of the type.
std::string_view type_name(const Value& value);

/// What `if` sees.
bool is_true(const Value& value);
/// Python's ==, with no error for any two values.
bool equal(const Value& a, const Value& b);
/// Python's <; throws TemplateError for values without an order.
bool less(const Value& a, const Value& b);
/// Values that a look at everything inside meets.
std::size_t weight_of(const Value& value) noexcept;
/// May be a key of a dict.
bool is_hashable(const Value& value);

/// str(value) and repr(value). Throw TemplateError where Python would print an address, and beyond `limit` bytes.
std::string to_text(const Value& value, std::size_t limit);
std::string to_repr(const Value& value, std::size_t limit);
/// repr() of a float: the shortest digits that read back equal, with an exponent below 1e-4 and from 1e16 on.
std::string float_text(double value);
/// repr() of a string.
void append_quoted(std::string& out, const std::string& text);

}  // namespace pq::jinja
