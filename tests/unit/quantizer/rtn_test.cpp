#include "base/thread_pool.hpp"
#include "built_plugins.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/testing/measure.hpp>

#include <catch2/catch.hpp>

namespace pq {
namespace {

using test::registry;

std::vector<std::byte> quantized(const char* weights, const Encoding& encoding, const testing::Sample& sample,
                                 std::span<const float> importance) {
  Node options = Node::map();
  options.set("type", Node::scalar("rtn"));
  if (*weights != '\0') options.set("weights", Node::scalar(weights));
  const auto rtn = registry().quantizer(options);
  QuantJob job{"t", sample.rows, sample.cols, &encoding, {}, Effort::normal};
  job.statistics.importance = importance;
  const auto pool = make_thread_pool(1);
  const auto tensor = rtn->prepare(job, {*pool, nullptr});
  std::vector<std::byte> bytes(encoding.row_bytes(sample.cols) * static_cast<std::size_t>(sample.rows));
  QuantReport report;
  tensor->quantize(sample.matrix(), 0, bytes, report);
  return bytes;
}

/// importance * sqrt(mean x^2 + x^2) with the mean over blocks of `count` columns, row by row.
std::vector<std::byte> by_hand(const Encoding& encoding, const testing::Sample& sample,
                               std::span<const float> importance, std::size_t count = 256) {
  std::vector<std::byte> bytes;
  for (std::int64_t r = 0; r < sample.rows; ++r) {
    const auto x = sample.matrix().row(r);
    std::vector<float> weights(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      double sum = 0;
      for (std::size_t k = i / count * count; k < i / count * count + count; ++k) sum += double{x[k]} * x[k];
      weights[i] = static_cast<float>((importance.empty() ? 1.0 : importance[i]) *
                                      std::sqrt(sum / static_cast<double>(count) + double{x[i]} * x[i]));
    }
    const auto row = testing::encode(encoding, sample.matrix().slice(r, 1), weights);
    bytes.insert(bytes.end(), row.begin(), row.end());
  }
  return bytes;
}

const testing::Sample kSample = testing::gaussian(3, 512, 5);

TEST_CASE("rtn: importance alone gives the bytes of the encoder", "[rtn]") {
  const auto importance = testing::lognormal_importance(512, 7);
  for (const char* id : {"q2_k", "q4_k", "iq2_xs", "q4_0"}) {
    INFO(id);
    const auto encoding = registry().encoding(Node::scalar(id));
    CHECK(quantized("importance", *encoding, kSample, importance) ==
          testing::encode(*encoding, kSample.matrix(), importance));
  }
}

TEST_CASE("rtn: magnitude multiplies the importance by sqrt(mean x^2 + x^2)", "[rtn]") {
  const auto importance = testing::lognormal_importance(512, 7);
  for (const char* id : {"q2_k", "q4_k", "iq2_xs"}) {
    INFO(id);
    const auto encoding = registry().encoding(Node::scalar(id));
    CHECK(quantized("magnitude", *encoding, kSample, importance) == by_hand(*encoding, kSample, importance));
    CHECK(quantized("magnitude", *encoding, kSample, {}) == by_hand(*encoding, kSample, {}));
  }
}

TEST_CASE("rtn: by default magnitude counts for q2_k, and in few bits if nothing is known of the columns",
          "[rtn]") {
  const auto importance = testing::lognormal_importance(512, 7);
  const auto is_by_magnitude = [&](const char* id, std::span<const float> known) {
    const auto encoding = registry().encoding(Node::scalar(id));
    const auto bytes = quantized("", *encoding, kSample, known);
    const bool magnitude = bytes == by_hand(*encoding, kSample, known);
    CHECK(magnitude != (bytes == testing::encode(*encoding, kSample.matrix(), known)));
    return magnitude;
  };
  CHECK(is_by_magnitude("q2_k", importance));
  CHECK_FALSE(is_by_magnitude("q3_k", importance));
  CHECK_FALSE(is_by_magnitude("iq2_xxs", importance));
  CHECK(is_by_magnitude("q2_k", {}));
  CHECK(is_by_magnitude("q3_k", {}));
  CHECK(is_by_magnitude("iq3_xxs", {}));
  CHECK(is_by_magnitude("q4_k", {}));
  CHECK_FALSE(is_by_magnitude("q5_k", {}));
  CHECK_FALSE(is_by_magnitude("q4_0", {}));
}

TEST_CASE("rtn: by default importance alone counts for what is no type of llama.cpp", "[rtn]") {
  const auto importance = testing::lognormal_importance(512, 7);
  for (const char* id : {"affine:bits=2,group=64", "affine:bits=3,group=128", "affine:bits=2,group=-1",
                         "nf4:block=256", "fp4:block=256", "int8"}) {
    INFO(id);
    const auto encoding = registry().find_encoding(id);
    CHECK(quantized("", *encoding, kSample, importance) ==
          testing::encode(*encoding, kSample.matrix(), importance));
    CHECK(quantized("", *encoding, kSample, {}) == testing::encode(*encoding, kSample.matrix(), {}));
  }
}

TEST_CASE("rtn: the mean of magnitudes is that of a group where rows have no blocks", "[rtn]") {
  const auto importance = testing::lognormal_importance(512, 7);
  const auto group = registry().find_encoding("affine:bits=2,group=64");
  CHECK(quantized("magnitude", *group, kSample, importance) == by_hand(*group, kSample, importance, 64));
  CHECK(quantized("magnitude", *group, kSample, {}) == by_hand(*group, kSample, {}, 64));
  const auto row = registry().find_encoding("affine:bits=2,group=-1");
  CHECK(quantized("magnitude", *row, kSample, importance) == by_hand(*row, kSample, importance, 512));
}

TEST_CASE("rtn: other words for weights are refused", "[rtn]") {
  const auto encoding = registry().encoding(Node::scalar("q2_k"));
  CHECK_THROWS_AS(quantized("size", *encoding, kSample, {}), ConfigError);
}

}  // namespace
}  // namespace pq
