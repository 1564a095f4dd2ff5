// Rows of a view that are columns of what is stored, rows that take turns, and single weights: forward, back, and in pieces.
#include "config/yaml.hpp"
#include "model/family.hpp"
#include "model/tensor_links.hpp"
#include "model/tiny_model.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <numeric>

using namespace pq;

namespace {

std::vector<TensorLink> links(const std::string& rules) {
  static std::vector<Family> kept;
  kept.push_back(parse_family(
      parse_yaml(
          "family: toy\nhuggingface: {architectures: [Toy]}\ngguf: {architecture: toy}\ntensors:\n" + rules,
          "toy.yaml"),
      parse_yaml("{}", "common.yaml")));
  static const Json kConfig = parse_json(R"({"layers": 0})", "config.json");
  ConfigScope scope(&kept.back().let, kConfig, kept.back().defaults, "config.json");
  return tensor_links(kept.back(), scope);
}

TensorInfo info_of(const Shape& shape) {
  TensorInfo info;
  info.name = "x";
  info.shape = shape;
  info.encoding = "f32";
  info.row_bytes = static_cast<std::uint64_t>(cols(shape)) * 4;
  return info;
}

// A view of one tensor over stored tensors; weights are 0, 1, 2, ... through all of them.
struct Toy {
  ModelView view;
  explicit Toy(const std::vector<Shape>& stored) {
    tiny::MemoryModel model;
    float next = 0;
    for (const Shape& shape : stored) {
      std::vector<float> weights(static_cast<std::size_t>(elements(shape)));
      std::iota(weights.begin(), weights.end(), next);
      next += static_cast<float>(weights.size());
      const Bytes bytes = std::as_bytes(std::span(weights));
      model.header.tensors.push_back(info_of(shape));
      model.data.emplace_back(bytes.begin(), bytes.end());
    }
    view.reader = tiny::open_memory(std::move(model));
    view.tensors.resize(1);
    view.tensors[0].stored_encoding = "f32";
  }

  /// All weights, read `step` rows at a time.
  std::vector<float> read(std::int64_t step) const {
    const Shape& shape = view.tensors[0].shape;
    std::vector<float> out(static_cast<std::size_t>(elements(shape)), -1.0f);
    std::vector<std::byte> scratch;
    for (std::int64_t first = 0; first < rows(shape); first += step) {
      const std::int64_t count = std::min(step, rows(shape) - first);
      read_decoded_rows(view, 0, first,
                        Matrix{out.data() + first * cols(shape), count, cols(shape), cols(shape)},
                        tiny::float_encoding("f32").get(), scratch);
    }
    return out;
  }
};

// What a link gives; the same for every number of rows at a time.
std::vector<float> forward(const TensorLink& link) {
  Toy toy(std::vector<Shape>(link.huggingface.size(), link.shape));
  ViewTensor& tensor = toy.view.tensors[0];
  tensor.shape = link.gguf_shape;
  tensor.map = link.map;
  tensor.transpose = link.result_transposed;
  tensor.elements = link.elements;
  const std::vector<float> all = toy.read(1000);
  for (const std::int64_t step : {1, 2, 3}) CHECK(toy.read(step) == all);
  return all;
}

// Stores what all links give and turns the links round: the first Hugging Face tensor again.
std::vector<float> round_trip(const std::vector<TensorLink>& list) {
  tiny::MemoryModel model;
  for (const TensorLink& link : list) {
    const std::vector<float> weights = forward(link);
    const Bytes bytes = std::as_bytes(std::span(weights));
    model.header.tensors.push_back(info_of(link.gguf_shape));
    model.data.emplace_back(bytes.begin(), bytes.end());
  }
  const auto back = reverse_links(list, std::vector<bool>(list.size(), true));
  REQUIRE(back.size() == 1);
  CHECK(back[0].shape == list[0].shape);
  Toy toy({});
  toy.view.reader = tiny::open_memory(std::move(model));
  ViewTensor& tensor = toy.view.tensors[0];
  tensor.shape = back[0].shape;
  tensor.map = back[0].map;
  tensor.transpose = list[0].stored_transposed;
  tensor.elements = list[0].elements;
  const std::vector<float> all = toy.read(1000);
  for (const std::int64_t step : {1, 2, 3}) CHECK(toy.read(step) == all);
  return all;
}

std::vector<float> counted(std::size_t count) {
  std::vector<float> weights(count);
  std::iota(weights.begin(), weights.end(), 0.0f);
  return weights;
}

}  // namespace

// GPT-2: [in, out] -> [out, in].
TEST_CASE("transposed rows: a stored matrix of inputs by outputs", "[model]") {
  const auto list =
      links("  - {huggingface: a, gguf: a.weight, shape: [2, 3], transpose: stored, bias: 'true'}");
  REQUIRE(list.size() == 2);
  CHECK(list[0].gguf_shape == Shape{3, 2});
  CHECK(list[1].shape == Shape{3});  // one number per output
  CHECK(forward(list[0]) == std::vector<float>{0, 3, 1, 4, 2, 5});
  CHECK(round_trip({list[0]}) == counted(6));
}

// gpt-oss: of every expert [in, 2 * out], the even columns are the gate and the odd ones the way up.
TEST_CASE("transposed rows: columns of experts that take turns", "[model]") {
  const auto list = links(R"(
  - {huggingface: a, gguf: g.weight, shape: [2, 2, 4], transpose: stored, groups: 2, take: [{first: 0, count: 2, step: 2}], gguf_shape: [2, 2, 2]}
  - {huggingface: a, gguf: u.weight, shape: [2, 2, 4], transpose: stored, groups: 2, take: [{first: 1, count: 2, step: 2}], gguf_shape: [2, 2, 2]}
)");
  CHECK(forward(list[0]) == std::vector<float>{0, 4, 2, 6, 8, 12, 10, 14});
  CHECK(forward(list[1]) == std::vector<float>{1, 5, 3, 7, 9, 13, 11, 15});
  CHECK(round_trip(list) == counted(16));
}

// Latent attention: per head two rows for the keys, transposed, and one for the values.
TEST_CASE("transposed rows: what is taken from a group is transposed", "[model]") {
  const auto list = links(R"(
  - {huggingface: a, gguf: k.weight, shape: [6, 2], groups: 2, take: [{count: 2}], transpose: taken, gguf_shape: [2, 2, 2]}
  - {huggingface: a, gguf: v.weight, shape: [6, 2], groups: 2, take: [{first: 2, count: 1}], gguf_shape: [2, 1, 2]}
)");
  CHECK(forward(list[0]) == std::vector<float>{0, 2, 1, 3, 6, 8, 7, 9});
  CHECK(forward(list[1]) == std::vector<float>{4, 5, 10, 11});
  CHECK(round_trip(list) == counted(12));
}

// gpt-oss' biases of experts: a row per expert, in which gate and up take turns.
TEST_CASE("transposed rows: single weights of a matrix are picked and put back", "[model]") {
  const auto list = links(R"(
  - {huggingface: a, gguf: g.bias, shape: [2, 4], elements: true, groups: 2, take: [{first: 0, count: 2, step: 2}], gguf_shape: [2, 2]}
  - {huggingface: a, gguf: u.bias, shape: [2, 4], elements: true, groups: 2, take: [{first: 1, count: 2, step: 2}], gguf_shape: [2, 2]}
)");
  CHECK(forward(list[0]) == std::vector<float>{0, 2, 4, 6});
  CHECK(forward(list[1]) == std::vector<float>{1, 3, 5, 7});
  CHECK(round_trip(list) == counted(8));
}

TEST_CASE("transposed rows: a matrix larger than the band that is decoded at a time", "[model]") {
  const auto list = links("  - {huggingface: a, gguf: a.weight, shape: [700, 1100], transpose: stored}");
  Toy toy({list[0].shape});
  toy.view.tensors[0].shape = list[0].gguf_shape;
  toy.view.tensors[0].map = list[0].map;
  const std::vector<float> all = toy.read(5000);
  bool right = true;
  for (std::size_t r = 0; r < 1100; ++r)
    for (std::size_t c = 0; c < 700; ++c)
      right = right && all[r * 700 + c] == static_cast<float>(c * 1100 + r);
  CHECK(right);
  CHECK(toy.read(333) == all);
}

TEST_CASE("transposed rows: rules that leave rows out cannot be turned round", "[model]") {
  const auto gap =
      links("  - {huggingface: a, gguf: g.weight, shape: [4, 2], take: [{first: 0, count: 2, step: 2}]}");
  CHECK_THROWS_AS(reverse_links(gap, {true}), ConfigError);
  const auto uneven = links(R"(
  - {huggingface: a, gguf: g.weight, shape: [5, 2], take: [{first: 0, count: 3, step: 2}]}
  - {huggingface: a, gguf: u.weight, shape: [5, 2], take: [{first: 1, count: 2, step: 2}]}
)");
  CHECK_THROWS_AS(reverse_links(uneven, {true, true}), ConfigError);
}

TEST_CASE("family: words of 'transpose' are checked", "[model]") {
  CHECK_THROWS_WITH(links("  - {huggingface: a, gguf: b, shape: [2, 2], transpose: true}"),
                    Catch::Matchers::Contains("toy.yaml:5:") && Catch::Matchers::Contains("stored"));
  CHECK_THROWS_WITH(links("  - {huggingface: a, gguf: b, shape: [4, 2], transpose: stored, rotary: 1}"),
                    Catch::Matchers::Contains("rotary"));
}
