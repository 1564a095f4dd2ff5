// Rotary scalings against figures worked out from their formulas.
#include "forward/rope.hpp"

#include <catch2/catch.hpp>

#include <cmath>

using namespace pq;

namespace {

RopeSpec spec_of(const char* type, double base, std::int64_t width) {
  RopeSpec spec;
  spec.type = type;
  spec.base = base;
  spec.width = width;
  return spec;
}

}  // namespace

TEST_CASE("rope: llama3 keeps fast pairs, stretches slow ones, and has a ramp between", "[forward][rope]") {
  // Llama 3.1: the quotients of pairs 29 to 34 that its parameters give.
  RopeSpec spec = spec_of("llama3", 500000, 128);
  spec.factor = 8;
  spec.low_freq_factor = 1;
  spec.high_freq_factor = 4;
  spec.original_context = 8192;
  const auto scaled = rope_frequencies(spec, 10).per_token;
  const auto plain = rope_frequencies(spec_of("default", 500000, 128), 10).per_token;
  const double ramp[] = {1.2075, 1.5534, 2.0263, 2.6945, 3.6843, 5.2573};
  for (std::size_t j = 0; j < 64; ++j) {
    INFO("pair " << j);
    const double expected = j <= 28 ? 1.0 : j >= 35 ? 8.0 : ramp[j - 29];
    CHECK(static_cast<double>(plain[j]) / static_cast<double>(scaled[j]) == Approx(expected).epsilon(1e-4));
  }
}

TEST_CASE("rope: linear scaling divides all frequencies", "[forward][rope]") {
  RopeSpec spec = spec_of("linear", 10000, 4);
  spec.factor = 4;
  CHECK(rope_frequencies(spec, 1).per_token[0] == Approx(0.25));
  CHECK(rope_frequencies(spec, 1).per_token[1] == Approx(0.0025));
}

TEST_CASE("rope: dynamic scaling changes nothing up to the model's context", "[forward][rope]") {
  RopeSpec spec = spec_of("dynamic", 10000, 4);
  spec.factor = 2;
  spec.context = 100;
  CHECK(rope_frequencies(spec, 100).per_token[1] == Approx(0.01));
  // base' = 10000 * (2 * 200 / 100 - 1)^(4 / 2) = 90000
  CHECK(rope_frequencies(spec, 200).per_token[1] == Approx(1 / 300.0));
}

TEST_CASE("rope: yarn multiplies cosine and sine by 0.1 ln(factor) + 1", "[forward][rope]") {
  RopeSpec spec = spec_of("yarn", 150000, 64);  // gpt-oss
  spec.factor = 32;
  spec.original_context = 4096;
  spec.truncate = false;
  CHECK(rope_frequencies(spec, 1).amplitude == Approx(1.34657));
  spec.mscale = spec.mscale_all_dim = 0.7;
  CHECK(rope_frequencies(spec, 1).amplitude == Approx(1));
  spec.attention_factor = 1.5;
  CHECK(rope_frequencies(spec, 1).amplitude == Approx(1.5));
  CHECK(rope_frequencies(spec, 1).per_token[0] == Approx(1));  // the fastest pair stays
  const double slowest = std::pow(150000.0, -62.0 / 64);
  CHECK(rope_frequencies(spec, 1).per_token[31] == Approx(slowest / 32));
}

TEST_CASE("rope: longrope takes its long factors for texts longer than the original context",
          "[forward][rope]") {
  RopeSpec spec = spec_of("longrope", 10000, 4);
  spec.context = 131072;
  spec.original_context = 4096;
  spec.short_factors = {1, 2};
  spec.long_factors = {4, 8};
  CHECK(rope_frequencies(spec, 4096).per_token[1] == Approx(0.005));
  CHECK(rope_frequencies(spec, 4097).per_token[1] == Approx(0.00125));
  // sqrt(1 + ln(32) / ln(4096)) = sqrt(1 + 5 / 12)
  CHECK(rope_frequencies(spec, 1).amplitude == Approx(std::sqrt(17.0 / 12)));
}

TEST_CASE("rope: every text of a batch begins at position 0", "[forward][rope]") {
  Batch batch;
  batch.append(std::vector<std::int32_t>{1, 2});
  batch.append(std::vector<std::int32_t>{3, 4, 5});
  const RopeTable table = rope_table(spec_of("default", 10000, 2), batch);
  const std::vector<double> positions = {0, 1, 0, 1, 2};
  REQUIRE(table.cosines.size() == positions.size());
  for (std::size_t i = 0; i < positions.size(); ++i) {
    CHECK(table.cosines[i] == Approx(std::cos(positions[i])));
    CHECK(table.sines[i] == Approx(std::sin(positions[i])));
  }
}
