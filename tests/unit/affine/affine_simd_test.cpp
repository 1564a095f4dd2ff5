#include "codec/targets.hpp"
#include "support.hpp"

using namespace pq;

TEST_CASE("affine: every instruction set gives the same bytes and values", "[affine][simd]") {
  const std::string options =
      GENERATE("bits=4,group=128", "bits=3,group=37,symmetric=true", "bits=8,group=-1,scale=bf16",
               "bits=2,group=16,scale=f32", "bits=5,group=64,symmetric=true,scale=bf16", "bits=6,group=32",
               "bits=7,group=48", "bits=4,group=64,zero=float", "bits=3,group=64,zero=offset,scale=bf16");
  const auto effort = GENERATE(Effort::fast, Effort::normal);
  const auto encoding = affine_test::make(options);
  constexpr std::int64_t kCols = 331, kRows = 5;
  const std::vector<float> importance = testing::lognormal_importance(kCols, 23);
  std::vector<testing::Sample> samples = testing::ordinary_samples(kRows, kCols, 25);
  for (testing::Sample& sample : testing::hostile_samples(kRows, kCols, 27))
    samples.push_back(std::move(sample));
  for (const testing::Sample& sample : samples) {
    INFO(options << ", " << sample.name);
    std::vector<std::byte> expected;
    std::vector<float> values;
    codec_test::for_each_target([&] {
      const std::vector<std::byte> bytes = testing::encode(*encoding, sample.matrix(), importance, effort);
      if (expected.empty()) {
        expected = bytes;
        values = testing::decode(*encoding, bytes, kRows, kCols).values;
      }
      CHECK(bytes == expected);
      CHECK(testing::decode(*encoding, bytes, kRows, kCols).values == values);
    });
  }
}
