// How an architecture computes: the `graph` of a family's file, a list of operations on named values.
// docs/how-to/add-a-model-family.md describes it.
#pragma once

#include "model/family.hpp"

#include <polyquant/base/node.hpp>

#include <map>
#include <string>
#include <vector>

namespace pq {

struct Graph {
  std::map<std::string, Expression> let;  // the family's, with the graph's own on top
  Node ropes = Node::map();               // name -> parameters
  std::vector<Node> embed, layer, head;   // operations, in order
  std::vector<std::string> unused;        // stored tensors that the model does not need
  std::vector<ConditionText> errors;
};

/// The graph of a family. `common` is the root of common/graphs.yaml. Throws ConfigError at the place of a mistake, or if there is none.
Graph parse_graph(const Family& family, const Node& common);

/// parse_graph() with the installation's common/graphs.yaml.
Graph installed_graph(const Family& family);

}  // namespace pq
