// What all parts of one rendering share: its bounds, its objects, and how values are made.
#pragma once

#include "chat/limits.hpp"
#include "chat/template_error.hpp"
#include "chat/value.hpp"

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace pq::jinja {

/// Used by one thread.
class Runtime {
 public:
  explicit Runtime(const Limits& limits) : limits_(limits) {}

  const Limits& limits() const noexcept { return limits_; }
  /// The moment that strftime_now() shows; nothing = now.
  std::optional<std::tm> now;

  /// Count work, memory and nesting; throw TemplateError beyond the limits.
  void step(std::size_t count = 1);
  void allocate(std::size_t bytes);
  void allocate(std::size_t count, std::size_t bytes_each);
  void enter();
  void leave() noexcept { --depth_; }

  Value text(std::string text);
  /// A text that is markup if `like` is.
  Value text_like(const Value& like, std::string text);
  Value sequence(SequenceKind kind, std::vector<Value> items, std::string label = {});
  Value list(std::vector<Value> items) { return sequence(SequenceKind::list, std::move(items)); }
  Value tuple(std::vector<Value> items) { return sequence(SequenceKind::tuple, std::move(items)); }
  Value generator(std::vector<Value> items) { return sequence(SequenceKind::generator, std::move(items)); }
  /// Keys are different.
  Value dict(std::vector<std::pair<Value, Value>> items);

  /// str(value), bounded.
  std::string to_text(const Value& value) const { return jinja::to_text(value, limits_.output_bytes); }
  /// The elements that a loop sees; uses a generator up. Throws TemplateError if `value` cannot be looped over.
  std::vector<Value> elements(const Value& value);
  /// == and <, counted.
  bool equal(const Value& a, const Value& b);
  bool less(const Value& a, const Value& b);

  /// An object that lives as long as the rendering.
  template <class T, class... Arguments>
  T* make(Arguments&&... arguments) {
    allocate(sizeof(T));
    auto owned = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    T* result = owned.get();
    objects_.push_back(std::move(owned));
    return result;
  }

 private:
  Limits limits_;
  std::size_t steps_ = 0, bytes_ = 0;
  int depth_ = 0;
  std::vector<std::unique_ptr<Object>> objects_;
};

/// Counts one level of nesting while it lives.
class Nested {
 public:
  explicit Nested(Runtime& runtime) : runtime_(runtime) { runtime_.enter(); }
  ~Nested() { runtime_.leave(); }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;

 private:
  Runtime& runtime_;
};

}  // namespace pq::jinja
