// `--set PATH=VALUE`: a change of one node of a pipeline tree.
#include "config/yaml.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <charconv>

namespace pq {
namespace {

// The marks inside a value point into the argument; "--set KEY" says more.
Node with_mark(const Node& node, const Mark& mark) {
  Node result = node;
  if (node.is_sequence()) {
    result = Node::sequence();
    for (const Node& item : node.items()) result.push_back(with_mark(item, mark));
  } else if (node.is_map()) {
    result = Node::map();
    for (const Node::Member& member : node.members())
      result.set(member.key, with_mark(member.value, mark), mark);
  }
  result.set_mark(mark);
  return result;
}

std::vector<std::string> split_path(std::string_view path, const Mark& mark) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('.', begin), path.size());
    if (end == begin) throw_at(mark, "a key is empty; write it like outputs.0.to=VALUE");
    parts.emplace_back(path.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::size_t index_of(const std::string& part, std::size_t count, const Mark& mark) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
  if (error != std::errc() || end != part.data() + part.size())
    throw_at(mark, "'" + part + "' must be the number of an item, counted from 0");
  if (index >= count) throw_at(mark, "there is no item " + part + "; the list has " + std::to_string(count));
  return index;
}

using Parts = std::vector<std::string>;

Node replaced(const Node& node, Parts::const_iterator part, Parts::const_iterator end, const Node& value) {
  const Mark& mark = value.mark();
  if (part == end) return value;
  if (node.is_sequence()) {
    const std::size_t index = index_of(*part, node.items().size(), mark);
    Node result = Node::sequence(node.mark());
    for (std::size_t i = 0; i < node.items().size(); ++i)
      result.push_back(i == index ? replaced(node.items()[i], part + 1, end, value) : node.items()[i]);
    return result;
  }
  if (node.is_scalar())
    throw_at(mark,
             "'" + *part + "' cannot be set: what it belongs to is a single value, '" + node.text() + "'");
  Node result = node.is_map() ? node : Node::map(mark);
  const Node* old = node.find(*part);
  result.set(*part, replaced(old == nullptr ? Node() : *old, part + 1, end, value), mark);
  return result;
}

}  // namespace

void apply_override(Node& root, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string path(assignment.substr(0, equals));
  const Mark mark{std::make_shared<const std::string>(path.empty() ? "--set" : "--set " + path), 0, 0};
  if (equals == std::string_view::npos || equals == 0)
    throw_at(mark, "write it like KEY=VALUE, for example outputs.0.to=model.gguf");
  const Parts parts = split_path(path, mark);
  const Node value = with_mark(parse_yaml(assignment.substr(equals + 1), *mark.source), mark);
  root = replaced(root, parts.begin(), parts.end(), value);
}

}  // namespace pq
