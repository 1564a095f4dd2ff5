// A configuration tree: what YAML, `--set` and `name:key=value` on the command line become. Every node knows its place.
#pragma once

#include <polyquant/base/export.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pq {

/// Where a node was written: "pipeline.yaml:14:9", or "--set" / "command line" without a line.
struct PQ_API Mark {
  std::shared_ptr<const std::string> source;
  int line = 0;    // 1-based; 0 = no line
  int column = 0;  // 1-based
  std::string to_string() const;
};

/// One node. Scalars keep their text; the typed getters decide what it means, so `010` is ten and `no` is not a boolean.
/// Immutable use is safe from any thread.
class PQ_API Node {
 public:
  enum class Kind { null, scalar, sequence, map };
  struct Member;

  Node() = default;
  static Node scalar(std::string text, bool quoted = false, Mark mark = {});
  static Node sequence(Mark mark = {});
  static Node map(Mark mark = {});

  Kind kind() const noexcept { return kind_; }
  bool is_null() const noexcept { return kind_ == Kind::null; }
  bool is_scalar() const noexcept { return kind_ == Kind::scalar; }
  bool is_sequence() const noexcept { return kind_ == Kind::sequence; }
  bool is_map() const noexcept { return kind_ == Kind::map; }
  const Mark& mark() const noexcept { return mark_; }
  void set_mark(Mark mark) { mark_ = std::move(mark); }

  const std::string& text() const noexcept { return text_; }  // of a scalar
  bool quoted() const noexcept { return quoted_; }
  const std::vector<Node>& items() const noexcept { return items_; }        // of a sequence
  const std::vector<Member>& members() const noexcept { return members_; }  // of a map, in order
  /// The member `key` of a map, or nullptr (also if this is no map).
  const Node* find(std::string_view key) const noexcept;

  void push_back(Node item);                                  // sequence
  void set(std::string key, Node value, Mark key_mark = {});  // map: appends or replaces
  void erase(std::string_view key);

  /// Typed getters. `what` names the option in the message: "'bits' must be an integer, got 'four'". Throw ConfigError at the mark.
  bool as_bool(std::string_view what) const;
  std::int64_t as_int(std::string_view what) const;
  double as_double(std::string_view what) const;
  std::string as_string(std::string_view what) const;

 private:
  Kind kind_ = Kind::null;
  bool quoted_ = false;
  std::string text_;
  std::vector<Node> items_;
  std::vector<Member> members_;
  Mark mark_;
};

struct Node::Member {
  std::string key;
  Node value;
  Mark mark;  // of the key
};

/// Throws ConfigError "PLACE: MESSAGE" (only the message if the mark has no source).
[[noreturn]] PQ_API void throw_at(const Mark& mark, const std::string& message);

}  // namespace pq
