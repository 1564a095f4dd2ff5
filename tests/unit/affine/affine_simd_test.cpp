#include "codec/targets.hpp"
#include "support.hpp"

#include <algorithm>
#include <limits>

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

TEST_CASE("affine: a column may lie in one piece or be spread over rows", "[affine][simd]") {
  const std::string options = GENERATE("bits=4,group=16", "bits=3,group=40,symmetric=true",
                                       "bits=4,group=32,zero=float", "bits=5,group=-1,zero=offset");
  const auto encoding = affine_test::make(options);
  constexpr std::int64_t kCols = 96, kRows = 37;
  testing::Sample sample = testing::gaussian(kRows, kCols, 29);
  sample.values[5] = std::numeric_limits<float>::quiet_NaN();
  sample.values[kCols * 17] = std::numeric_limits<float>::infinity();
  const auto spread = encoding->column_codec(kRows, kCols, Effort::normal);
  const auto expected = testing::encoding_checks::run_columns(*encoding, sample, *spread, {}, 0.0);
  codec_test::for_each_target([&] {
    const auto codec = encoding->column_codec(kRows, kCols, Effort::normal);
    std::vector<float> column(kRows), rounded(kRows);
    for (std::int64_t c = 0; c < kCols; ++c) {
      if (c % codec->fit_cols() == 0)
        codec->fit(
            {sample.values.data() + c, kRows, std::min<std::int64_t>(codec->fit_cols(), kCols - c), kCols},
            {});
      for (std::int64_t r = 0; r < kRows; ++r)
        column[static_cast<std::size_t>(r)] = sample.values[static_cast<std::size_t>(r * kCols + c)];
      codec->round({column.data(), kRows, 1, 1}, {rounded.data(), kRows, 1, 1});
      bool same = true;
      for (std::int64_t r = 0; r < kRows; ++r)
        same = same && rounded[static_cast<std::size_t>(r)] ==
                           expected.rounded.values[static_cast<std::size_t>(r * kCols + c)];
      CHECK(same);
    }
    std::vector<std::byte> bytes(expected.bytes.size());
    const std::size_t row_bytes = encoding->row_bytes(kCols);
    for (std::int64_t r = 0; r < kRows; ++r)
      codec->emit(r, MutableBytes(bytes).subspan(static_cast<std::size_t>(r) * row_bytes, row_bytes));
    CHECK(bytes == expected.bytes);
  });
}
