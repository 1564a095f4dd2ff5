// The settings of gptq with the encodings of bitsandbytes, and with codecs that choose every code once.
#include "base/thread_pool.hpp"
#include "built_plugins.hpp"
#include "gptq_grid.hpp"

#include <polyquant/quantizer.hpp>
#include <polyquant/testing/simple_encodings.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pq {
namespace {

using Settings = std::vector<std::pair<std::string, std::string>>;

using test::registry;

std::shared_ptr<const Quantizer> gptq(const Settings& settings) {
  Node options = Node::map();
  options.set("type", Node::scalar("gptq"));
  for (const auto& [key, value] : settings) options.set(key, Node::scalar(value));
  return registry().quantizer(options);
}

class LayerRows final : public TensorRows {
 public:
  explicit LayerRows(const test::GptqLayer& layer) : layer_(layer) {}
  std::int64_t rows() const override { return layer_.rows; }
  std::int64_t cols() const override { return layer_.cols; }
  void read(std::int64_t first, Matrix out) const override {
    for (std::int64_t r = 0; r < out.rows; ++r)
      std::ranges::copy(layer_.weights_matrix().row(first + r), out.row(r).begin());
  }

 private:
  const test::GptqLayer& layer_;
};

/// What gptq makes of a layer, decoded.
std::vector<float> decoded(const test::GptqLayer& layer, const Encoding& encoding, const Settings& settings) {
  const LayerRows rows(layer);
  QuantJob job{"t.weight", layer.rows, layer.cols, &encoding, {}, Effort::fast, &rows};
  job.statistics.gram = layer.gram_matrix();
  const auto pool = make_thread_pool(2);
  const auto tensor = gptq(settings)->prepare(job, {*pool, nullptr});
  std::vector<std::byte> bytes(encoding.row_bytes(layer.cols) * static_cast<std::size_t>(layer.rows));
  QuantReport report;
  tensor->quantize(layer.weights_matrix(), 0, bytes, report);
  std::vector<float> values(layer.weights.size());
  const auto bound =
      encoding.shared_bytes(layer.cols) > 0 ? encoding.bind(tensor->shared(), layer.cols) : nullptr;
  (bound != nullptr ? *bound : encoding).decode(bytes, {values.data(), layer.rows, layer.cols, layer.cols});
  return values;
}

std::vector<std::byte> quantized(const test::GptqLayer& layer, const Encoding& encoding,
                                 const Settings& settings) {
  QuantJob job{"t.weight", layer.rows, layer.cols, &encoding, {}, Effort::fast};
  job.statistics.gram = layer.gram_matrix();
  const auto pool = make_thread_pool(1);
  const auto quantizer = gptq(settings);
  std::vector<std::byte> bytes(encoding.row_bytes(layer.cols) * static_cast<std::size_t>(layer.rows));
  QuantReport report;
  quantizer->prepare(job, {*pool, nullptr})->quantize(layer.weights_matrix(), 0, bytes, report);
  return bytes;
}

double loss(const test::GptqLayer& layer, const Encoding& encoding, const std::vector<std::byte>& bytes) {
  std::vector<float> decoded(layer.weights.size());
  encoding.decode(bytes, {decoded.data(), layer.rows, layer.cols, layer.cols});
  return layer.loss(decoded, 0.01);
}

const Settings kOnce = {{"refine", "0"}};

}  // namespace

TEST_CASE("gptq: order, scales and refine do something for nf4, fp4 and int8", "[gptq]") {
  const test::GptqLayer layer = test::gptq_layer(20, 160, 200);
  for (const char* id : {"nf4", "fp4", "int8"}) {
    INFO(id);
    const auto encoding = registry().encoding(Node::scalar(id));
    const auto once = quantized(layer, *encoding, kOnce);
    const auto refined = quantized(layer, *encoding, {});
    CHECK(loss(layer, *encoding, refined) < loss(layer, *encoding, once));
    const double plain = loss(layer, *encoding, testing::encode(*encoding, layer.weights_matrix()));
    const auto differs = [&](const char* option, const char* value) {
      const auto bytes = quantized(layer, *encoding, {{"refine", "0"}, {option, value}});
      CHECK(bytes != once);
      CHECK(loss(layer, *encoding, bytes) < plain);
    };
    differs("order", "activation");
    differs("order", "groups");
    // A row of int8 has one scale, that of the weights as they are: static in any case.
    if (id != std::string("int8")) differs("scales", "static");
  }
}

TEST_CASE("gptq: the loss falls by every pass of the refinement, whatever scales it moves", "[gptq]") {
  const test::GptqLayer layer = test::gptq_layer(10, 512, 700);
  for (const char* id : {"q4_0",
                         "q4_1",
                         "q5_0",
                         "q5_1",
                         "q8_0",
                         "q2_k",
                         "q3_k",
                         "q4_k",
                         "q5_k",
                         "q6_k",
                         "iq4_nl",
                         "iq4_xs",
                         "nf4",
                         "nf4:double_quant=true",
                         "fp4",
                         "affine:bits=4,group=128",
                         "affine:bits=3,group=128,symmetric=true",
                         "affine:bits=4,group=64,zero=float",
                         "affine:bits=4,group=64,zero=offset,scale=bf16",
                         "affine:bits=4,group=128,act_order=true",
                         "affine:bits=4,group=-1"}) {
    INFO(id);
    const auto encoding = registry().encoding(Node::scalar(id));
    const auto codec = encoding->column_codec(1, layer.cols, Effort::fast);
    const std::string all = codec->scale_of(ScaleLevel::super, 0) >= 0 ? "csdcsd" : "cscs";
    double before = layer.loss(decoded(layer, *encoding, kOnce), 0.01);
    for (std::size_t n = 1; n <= all.size(); ++n) {
      INFO(all.substr(0, n));
      const double after = layer.loss(decoded(layer, *encoding, {{"refine", all.substr(0, n)}}), 0.01);
      CHECK(after <= before * (1 + 1e-6));
      if (n < 3) CHECK(after < before);
      before = after;
    }
  }
}

TEST_CASE("gptq: refine auto moves all scales that can be moved", "[gptq]") {
  const test::GptqLayer layer = test::gptq_layer(6, 256, 300);
  for (const auto& [id, passes] : {std::pair{"q4_0", "cscscsc"},
                                   {"nf4", "cscsc"},
                                   {"affine:bits=3,group=128", "cscsc"},
                                   {"affine:bits=4,group=-1", "cscsc"},
                                   {"q4_k", "cscdc"},
                                   {"iq4_xs", "cscdc"},
                                   {"iq3_xxs", "c"},
                                   {"int8", "c"}}) {
    INFO(id);
    const auto encoding = registry().encoding(Node::scalar(id));
    const auto refined = decoded(layer, *encoding, {{"refine", passes}});
    CHECK(decoded(layer, *encoding, {}) == refined);
    std::string codes_only = passes;
    std::erase_if(codes_only, [](char pass) { return pass != 'c'; });
    if (codes_only != passes) CHECK(refined != decoded(layer, *encoding, {{"refine", codes_only}}));
  }
}

TEST_CASE("gptq: settings that a codec cannot follow are refused at plan time", "[gptq]") {
  const testing::TestBytes once;
  CHECK_FALSE(gptq({})->rejects(once));
  CHECK_FALSE(gptq(kOnce)->rejects(once));
  const std::string why = "gptq cannot use test_bytes with ",
                    rest = ": its column codec chooses every code once, from left to right";
  CHECK(gptq({{"order", "groups"}})->rejects(once) == why + "order: groups" + rest);
  CHECK(gptq({{"scales", "static"}})->rejects(once) == why + "scales: static" + rest);
  CHECK(gptq({{"refine", "2"}})->rejects(once) == why + "refine: 2" + rest);
  CHECK(gptq({{"refine", "cs"}})->rejects(*registry().encoding(Node::scalar("iq3_xxs"))) ==
        "gptq cannot use iq3_xxs with refine: cs: its column codec cannot move the scales of groups");
  CHECK(gptq({{"refine", "cd"}})->rejects(*registry().encoding(Node::scalar("q4_0"))) ==
        "gptq cannot use q4_0 with refine: cd: it has no super-blocks whose factors could be moved");
  CHECK(gptq({})
            ->rejects(testing::PlainAffine())
            .value_or("")
            .find(": it has no column codec; choose the quantizer rtn or awq, or another encoding") !=
        std::string::npos);
  for (const char* id : {"f16", "bf16", "nf4", "fp4", "int8", "affine", "q4_k", "iq3_xxs"})
    CHECK_FALSE(
        gptq({{"order", "groups"}, {"refine", "2"}})->rejects(*registry().encoding(Node::scalar(id))));
  for (const char* wrong : {"cx", "17", "-1", "", "ccccccccccccccccc"})
    CHECK_THROWS_WITH(gptq({{"refine", wrong}}), Catch::Contains("'refine' must be auto"));
}

}  // namespace pq
