// The mechanisms of family files, on families made up for the purpose.
#include "model/family.hpp"
#include "config/yaml.hpp"
#include "model/config_template.hpp"
#include "model/tensor_links.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

Family family(const std::string& rest) {
  return parse_family(
      parse_yaml("family: toy\nhuggingface: {architectures: [Toy]}\ngguf: {architecture: toy}\n" + rest,
                 "toy.yaml"),
      parse_yaml("lists: {shared: [{huggingface: a, gguf: a.weight, shape: [2]}]}", "common.yaml"));
}

std::vector<TensorLink> links(const std::string& rules,
                              const std::string& config = R"({"layers": 2, "experts": 3})") {
  const Family toy = family(rules);
  const Json json = parse_json(config, "config.json");
  ConfigScope scope(&toy.let, json, toy.defaults, "config.json");
  return tensor_links(toy, scope);
}

std::vector<std::pair<std::size_t, std::int64_t>> sources(const RowMap& map, std::int64_t rows) {
  std::vector<std::pair<std::size_t, std::int64_t>> list;
  for (std::int64_t r = 0; r < rows; ++r) list.push_back(map.source(r));
  return list;
}

}  // namespace

TEST_CASE("family: a rule with N is written out for every layer", "[model]") {
  const auto list = links(
      "tensors: [{huggingface: l.N.w, gguf: blk.N.w.weight, shape: [4, 8], when: N > 0 or layers == 2}]");
  REQUIRE(list.size() == 2);
  CHECK(list[1].huggingface == std::vector<std::string>{"l.1.w"});
  CHECK(list[1].gguf == "blk.1.w.weight");
  CHECK(list[1].layer == 1);
}

TEST_CASE("family: experts are stacked", "[model]") {
  const auto list =
      links("tensors: [{huggingface: e.E.w, gguf: w_exps.weight, shape: [4, 8], count: experts}]");
  REQUIRE(list.size() == 1);
  CHECK(list[0].huggingface == std::vector<std::string>{"e.0.w", "e.1.w", "e.2.w"});
  CHECK(list[0].gguf_shape == Shape{3, 4, 8});
  CHECK(list[0].map.source(5) == std::pair<std::size_t, std::int64_t>{1, 1});
  const auto back = reverse_links(list, {true});
  REQUIRE(back.size() == 3);
  CHECK(back[1].name == "e.1.w");
  CHECK(back[1].shape == Shape{4, 8});
  CHECK(back[1].map.source(2) == std::pair<std::size_t, std::int64_t>{0, 6});
}

TEST_CASE("family: fused experts are cut in two and joined again", "[model]") {
  const auto list = links(R"(
tensors:
  - {huggingface: gate_up, gguf: gate.weight, shape: [3, 4, 8], groups: experts, take: [{count: 2}], gguf_shape: [3, 2, 8]}
  - {huggingface: gate_up, gguf: up.weight, shape: [3, 4, 8], groups: experts, take: [{first: 2, count: 2}], gguf_shape: [3, 2, 8]}
)");
  REQUIRE(list.size() == 2);
  CHECK(sources(list[1].map, 6) ==
        std::vector<std::pair<std::size_t, std::int64_t>>{{0, 2}, {0, 3}, {0, 6}, {0, 7}, {0, 10}, {0, 11}});
  const auto back = reverse_links(list, {true, true});
  REQUIRE(back.size() == 1);
  CHECK(back[0].shape == Shape{3, 4, 8});
  CHECK(sources(back[0].map, 8) == std::vector<std::pair<std::size_t, std::int64_t>>{
                                       {0, 0}, {0, 1}, {1, 0}, {1, 1}, {0, 2}, {0, 3}, {1, 2}, {1, 3}});
}

TEST_CASE("family: interleaved rows are cut with a step and joined again", "[model]") {
  const auto list = links(R"(
tensors:
  - {huggingface: gu, gguf: g.weight, shape: [6, 8], take: [{first: 0, count: 3, step: 2}]}
  - {huggingface: gu, gguf: u.weight, shape: [6, 8], take: [{first: 1, count: 3, step: 2}]}
)");
  CHECK(sources(list[1].map, 3) == std::vector<std::pair<std::size_t, std::int64_t>>{{0, 1}, {0, 3}, {0, 5}});
  const auto back = reverse_links(list, {true, true});
  CHECK(sources(back.at(0).map, 6) ==
        std::vector<std::pair<std::size_t, std::int64_t>>{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {0, 2}, {1, 2}});
}

// FalconModel.modify_tensors of convert_hf_to_gguf.py: per group two query heads, a key and a value head of one row each.
TEST_CASE("family: query, key and value rows are regrouped and put back", "[model]") {
  const auto list = links(R"(
tensors:
  - {huggingface: qkv, gguf: attn_qkv.weight, shape: [8, 4], groups: 2, take: [{first: 0, count: 2}, {first: 2, count: 1}, {first: 3, count: 1}]}
)");
  CHECK(sources(list[0].map, 8) == std::vector<std::pair<std::size_t, std::int64_t>>{
                                       {0, 0}, {0, 1}, {0, 4}, {0, 5}, {0, 2}, {0, 6}, {0, 3}, {0, 7}});
  const auto back = reverse_links(list, {true});
  CHECK(sources(back.at(0).map, 8) == std::vector<std::pair<std::size_t, std::int64_t>>{
                                          {0, 0}, {0, 1}, {0, 4}, {0, 6}, {0, 2}, {0, 3}, {0, 5}, {0, 7}});
}

TEST_CASE("family: rows of several tensors are joined", "[model]") {
  const auto list = links("tensors: [{huggingface: [q, k], gguf: qk.weight, shape: [4, 8]}]");
  CHECK(list[0].gguf_shape == Shape{8, 8});
  CHECK(list[0].map.source(5) == std::pair<std::size_t, std::int64_t>{1, 1});
}

TEST_CASE("family: a bias follows its matrix, weight by weight", "[model]") {
  const auto list = links(
      "tensors: [{huggingface: q.weight, gguf: attn_q.weight, shape: [16, 4], rotary: 2, bias: 'false'}]");
  REQUIRE(list.size() == 2);
  CHECK(list[1].huggingface == std::vector<std::string>{"q.bias"});
  CHECK(list[1].optional);
  CHECK(list[1].elements);
  CHECK(list[1].gguf_shape == Shape{16});
  CHECK(list[1].map.head_rows == 8);
}

TEST_CASE("family: a transposed tensor", "[model]") {
  const auto list =
      links("tensors: [{huggingface: c_fc.weight, gguf: ffn_up.weight, shape: [4, 16], transpose: stored}]");
  CHECK(list[0].gguf_shape == Shape{16, 4});
  CHECK(list[0].map.parts.at(0).transposed);
  tiny::MemoryModel model;
  TensorInfo info;
  info.name = "c_fc.weight";
  info.shape = {2, 3};
  info.encoding = "f32";
  info.row_bytes = 12;
  model.header.tensors.push_back(info);
  const float weights[6] = {1, 2, 3, 4, 5, 6};
  const Bytes bytes = std::as_bytes(std::span(weights));
  model.data.emplace_back(bytes.begin(), bytes.end());
  ModelView view;
  view.reader = tiny::open_memory(std::move(model));
  ViewTensor tensor;
  tensor.shape = {3, 2};
  tensor.transpose = true;
  tensor.stored_encoding = "f32";
  tensor.map.parts = {{0, 0, 2, 1}};
  view.tensors.push_back(tensor);
  float out[4] = {};
  std::vector<std::byte> scratch;
  read_decoded_rows(view, 0, 1, Matrix{out, 2, 2, 2}, tiny::float_encoding("f32").get(), scratch);
  CHECK(std::vector<float>(out, out + 4) == std::vector<float>{2, 5, 3, 6});
}

TEST_CASE("family: generated values", "[model]") {
  const auto list = links("tensors: [{gguf: f.weight, values: factors, when: factors != null}]",
                          R"({"layers": 0, "factors": [1, 2.5]})");
  REQUIRE(list.size() == 1);
  CHECK(list[0].generated == std::vector<float>{1, 2.5});
}

TEST_CASE("family: mistakes in the file are reported at their place", "[model]") {
  CHECK_THROWS_WITH(family("tensors: [{huggingface: a, gguf: b, shpe: [1]}]"),
                    Contains("toy.yaml:4:") && Contains("shape"));
  CHECK_THROWS_WITH(family("graphs: []"),
                    Contains("toy.yaml:4:1: unknown key 'graphs'") &&
                        Contains("this data folder belongs to another version of polyquant"));
  CHECK_THROWS_WITH(family("metadata: [{key: a, from: '1 +'}]"), Contains("toy.yaml:4:"));
  CHECK_THROWS_WITH(family("metadata: [{key: a, from: b, type: u23}]"), Contains("u32"));
  CHECK_THROWS_WITH(family("tensors: [{gguf: b}]"), Contains("huggingface"));
  CHECK_THROWS_WITH(family("tensors: [{use: shred}]"), Contains("shred"));
  CHECK_THROWS_WITH(
      links("tensors: [{huggingface: a, gguf: b, shape: [4, 8], take: [{first: 2, count: 3}]}]"),
      Contains("outside"));
}

TEST_CASE("family: shared lists are spliced in", "[model]") {
  CHECK(family("tensors: [{use: shared}]").tensors.size() == 1);
}

TEST_CASE("family: a config template takes in a shared one, and members with ! stay if they are null",
          "[model]") {
  const Family toy =
      parse_family(parse_yaml("family: toy\nhuggingface: {architectures: [Toy]}\ngguf: {architecture: toy}\n"
                              "config: {use: inner, b: '3', c: null}\n",
                              "toy.yaml"),
                   parse_yaml("configs: {base: {a: '1', c: '1', pad!: nothing}, inner: {use: base, b: '2'}}\n"
                              "generation_config: {d: '4'}\n",
                              "common.yaml"));
  const Metadata metadata;
  const MetadataScope scope(metadata, "toy");
  CHECK(fill_template(toy.config, scope) == json_object({{"a", 1}, {"b", 3}, {"pad", Json()}}));
  CHECK(fill_template(toy.generation_config, scope) == json_object({{"d", 4}}));
  CHECK_THROWS_WITH(family("config: {use: nothing}"), Contains("toy.yaml:4:") && Contains("nothing"));
}

TEST_CASE("family: sizes that overflow are refused", "[model]") {
  CHECK_THROWS_AS(
      links("tensors: [{huggingface: a, gguf: b, shape: [a, a]}]", R"({"layers": 0, "a": 4294967296})"),
      FormatError);
}

TEST_CASE("families: all files of the installation can be read", "[model]") {
  CHECK(installed_families().size() >= 3);
  for (const Family& known : installed_families()) CHECK(!known.tensors.empty());
}

TEST_CASE("name patterns: a star stands for any characters", "[model]") {
  CHECK(matches("model.layers.3.self_attn.rotary_emb.inv_freq", "*.rotary_emb.inv_freq"));
  CHECK(matches("vision_tower.x", "vision_tower.*"));
  CHECK_FALSE(matches("model.norm.weight", "*.bias"));
}
