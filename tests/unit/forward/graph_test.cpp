// Mistakes in a graph are found with their place.
#include "forward/graph.hpp"

#include "config/message_of.hpp"
#include "config/yaml.hpp"
#include "forward/binding.hpp"
#include "model/scope.hpp"

#include <catch2/catch.hpp>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

Graph graph_of(const std::string& text, const std::string& common = "lists: {}\n") {
  Family family;
  family.id = "test";
  family.graph = parse_yaml(text, "test.yaml");
  return parse_graph(family, parse_yaml(common, "graphs.yaml"));
}

// The message of binding the layer of this graph to a model without tensors.
std::string binding_error(const std::string& text) {
  const Graph graph = graph_of(text);
  const Json config = parse_json("{}", "config.json"), defaults;
  ConfigScope scope(&graph.let, config, defaults, "config.json");
  const ModelView view;
  const std::map<std::string, std::size_t> names;
  Binding binding(graph, scope, view, names, "model");
  binding.set_width("x", 8);
  try {
    binding.bind(graph.layer, 0);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("graph: lists are taken in, with a condition for all that they bring", "[forward][graph]") {
  const Graph graph =
      graph_of("layer: [{use: two, when: a > 1}, {scale: x, by: 2}]\n",
               "lists:\n  two: [{scale: x, by: 3, when: b}, {use: one}]\n  one: [{scale: x, by: 4}]\n");
  REQUIRE(graph.layer.size() == 3);
  CHECK(graph.layer[0].find("when")->text() == "(a > 1) and (b)");
  CHECK(graph.layer[1].find("when")->text() == "a > 1");
  CHECK(graph.layer[2].find("when") == nullptr);
}

TEST_CASE("graph: mistakes are named with their place", "[forward][graph]") {
  CHECK_THAT(message_of([] { graph_of("layers: []\n"); }),
             Contains("test.yaml:1:1: unknown key 'layers'") && Contains("'layer'"));
  CHECK_THAT(message_of([] { graph_of("layer: [{use: nothing}]\n"); }),
             Contains("there is no list 'nothing'"));
  CHECK_THAT(message_of([] { graph_of("layer: [{use: a}]\n", "lists: {a: [{use: a}]}\n"); }),
             Contains("in a circle"));
  CHECK_THAT(message_of([] {
               Family family;
               family.id = "test";
               parse_graph(family, Node::map());
             }),
             Contains("models of the family 'test' cannot be run yet"));
}

TEST_CASE("graph: operations are checked when they meet a model", "[forward][graph]") {
  CHECK(binding_error("layer: [{scale: x, by: 2}]\n") == "");
  CHECK_THAT(binding_error("layer: [{scal: x, by: 2}]\n"),
             Contains("test.yaml:1:9: unknown operation 'scal'") && Contains("scale"));
  CHECK_THAT(binding_error("layer: [{scale: x, of: x, by: 2}]\n"), Contains("unknown key 'of' in 'scale'"));
  CHECK_THAT(binding_error("layer: [{scale: x}]\n"), Contains("'scale' needs 'by'"));
  CHECK_THAT(binding_error("layer: [{add: x, of: y}]\n"),
             Contains("reads the value 'y', which nothing has written"));
  CHECK_THAT(binding_error("layer: [{rms_norm: x, weight: model.N.w, epsilon: 1}]\n"),
             Contains("tensor 'model.0.w' is missing"));
  CHECK_THAT(binding_error("layer: [{rope: x, heads: 3}]\n"), Contains("the graph has no rope 'full'"));
  CHECK_THAT(binding_error("layer: [{attention: a, q: x, k: x, v: x, heads: 3, kv_heads: 1, scale: 1}]\n"),
             Contains("8 columns cannot be cut into 3 heads"));
  CHECK_THAT(binding_error("layer: [{scale: x, by: heads}]\n"), Contains("key 'heads' is missing"));
  CHECK_THAT(
      binding_error("layer: [{route: c, of: x, used: 2}, {experts: y, of: x, by: c, count: 3, result: x, "
                    "each: [{scale: x, by: 2}]}]\n"),
      Contains("config.json: the model has 3 experts, but its router chooses among 8"));
  CHECK_THAT(binding_error("layer: [{experts: y, of: x, by: c, count: 3, result: x, each: []}]\n"),
             Contains("reads the choice 'c', which nothing has made"));
}
