#include <polyquant/base/error.hpp>
#include <polyquant/base/node.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace pq {
namespace {

// What the user wrote, for messages.
std::string got(const Node& node) {
  switch (node.kind()) {
    case Node::Kind::null:
      return "nothing";
    case Node::Kind::sequence:
      return "a list";
    case Node::Kind::map:
      return "a map";
    case Node::Kind::scalar:
      break;
  }
  constexpr std::size_t kMostShown = 60;
  if (node.text().size() <= kMostShown) return "'" + node.text() + "'";
  return "'" + node.text().substr(0, kMostShown) + "...'";
}

[[noreturn]] void throw_wrong_type(const Node& node, std::string_view what, std::string_view wanted) {
  throw_at(node.mark(), "'" + std::string(what) + "' must be " + std::string(wanted) + ", got " + got(node));
}

// from_chars takes no plus sign; people and YAML do.
std::string_view without_plus(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  return text;
}

auto find_member(auto& members, std::string_view key) {
  return std::find_if(members.begin(), members.end(),
                      [&](const Node::Member& member) { return member.key == key; });
}

}  // namespace

std::string Mark::to_string() const {
  if (!source) return "";
  if (line == 0) return *source;
  return *source + ":" + std::to_string(line) + ":" + std::to_string(column);
}

void throw_at(const Mark& mark, const std::string& message) {
  throw ConfigError(mark.source ? mark.to_string() + ": " + message : message);
}

Node Node::scalar(std::string text, bool quoted, Mark mark) {
  Node node;
  node.kind_ = Kind::scalar;
  node.text_ = std::move(text);
  node.quoted_ = quoted;
  node.mark_ = std::move(mark);
  return node;
}

Node Node::sequence(Mark mark) {
  Node node;
  node.kind_ = Kind::sequence;
  node.mark_ = std::move(mark);
  return node;
}

Node Node::map(Mark mark) {
  Node node;
  node.kind_ = Kind::map;
  node.mark_ = std::move(mark);
  return node;
}

const Node* Node::find(std::string_view key) const noexcept {
  const auto found = find_member(members_, key);
  return found == members_.end() ? nullptr : &found->value;
}

void Node::push_back(Node item) {
  PQ_ASSERT(is_sequence(), "only a list takes items");
  items_.push_back(std::move(item));
}

void Node::set(std::string key, Node value, Mark key_mark) {
  PQ_ASSERT(is_map(), "only a map takes members");
  const auto found = find_member(members_, key);
  if (found == members_.end()) {
    members_.push_back({std::move(key), std::move(value), std::move(key_mark)});
  } else {
    found->value = std::move(value);
    found->mark = std::move(key_mark);
  }
}

void Node::erase(std::string_view key) {
  const auto found = find_member(members_, key);
  if (found != members_.end()) members_.erase(found);
}

bool Node::as_bool(std::string_view what) const {
  if (is_scalar() && text_ == "true") return true;
  if (is_scalar() && text_ == "false") return false;
  throw_wrong_type(*this, what, "true or false");
}

std::int64_t Node::as_int(std::string_view what) const {
  const std::string_view text = without_plus(text_);
  std::int64_t value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size();
  if (!is_scalar() || !whole || status == std::errc::invalid_argument)
    throw_wrong_type(*this, what, "an integer");
  if (status == std::errc::result_out_of_range)
    throw_wrong_type(*this, what, "an integer of at most 64 bits");
  return value;
}

double Node::as_double(std::string_view what) const {
  const std::string_view text = without_plus(text_);
  double value = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = end == text.data() + text.size();
  if (!is_scalar() || !whole || status == std::errc::invalid_argument)
    throw_wrong_type(*this, what, "a number");
  if (status == std::errc::result_out_of_range || !std::isfinite(value))
    throw_wrong_type(*this, what, "a finite number");
  return value;
}

std::string Node::as_string(std::string_view what) const {
  if (!is_scalar()) throw_wrong_type(*this, what, "text");
  return text_;
}

}  // namespace pq
