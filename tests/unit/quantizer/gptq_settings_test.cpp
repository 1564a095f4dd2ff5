// The settings of gptq with the encodings of bitsandbytes, and with codecs that choose every code once.
#include "base/thread_pool.hpp"
#include "built_plugins.hpp"
#include "gptq_grid.hpp"

#include <polyquant/quantizer.hpp>
#include <polyquant/testing/simple_encodings.hpp>

#include <catch2/catch.hpp>

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

TEST_CASE("gptq: settings that a codec cannot follow are refused at plan time", "[gptq]") {
  const testing::TestBytes once;
  CHECK_FALSE(gptq({})->rejects(once));
  CHECK_FALSE(gptq(kOnce)->rejects(once));
  const std::string why = "gptq cannot use test_bytes with ",
                    rest = ": its column codec chooses every code once, from left to right";
  CHECK(gptq({{"order", "groups"}})->rejects(once) == why + "order: groups" + rest);
  CHECK(gptq({{"scales", "static"}})->rejects(once) == why + "scales: static" + rest);
  CHECK(gptq({{"refine", "2"}})->rejects(once) == why + "refine: 2" + rest);
  for (const char* id : {"f16", "bf16", "nf4", "fp4", "int8", "affine", "q4_k", "iq3_xxs"})
    CHECK_FALSE(
        gptq({{"order", "groups"}, {"refine", "2"}})->rejects(*registry().encoding(Node::scalar(id))));
}

}  // namespace pq
