// Weights on which encoders that look around ordinary lattices fail: grids of their own, one value, one sign, tiny ones, outliers that do not
// count. What ggml reaches on them is measured by tests/acceptance/test_encoder_errors.py.
#include "block_encodings.hpp"
#include "k_types.hpp"

#include <gguf_legacy/encoding.hpp>

#include <polyquant/base/half.hpp>

#include <algorithm>
#include <cmath>
#include <functional>

using namespace codec_test;

namespace {

constexpr std::size_t kCols = 256;
constexpr pq::Effort kEfforts[] = {pq::Effort::fast, pq::Effort::normal, pq::Effort::best};

/// sum w (x - y)^2 / sum w x^2.
double relative_error(const pq::Encoding& encoding, const std::vector<float>& x,
                      const std::vector<float>& w = {}, pq::Effort effort = pq::Effort::normal) {
  const auto y = decode(encoding, encode(encoding, x, kCols, w, effort), kCols);
  return squared_error(x, y, w) / squared_error(x, std::vector<float>(x.size(), 0.0f), w);
}

std::vector<float> made(std::size_t count, const std::function<float(std::mt19937&)>& value) {
  std::mt19937 random(5);
  std::vector<float> result(count);
  for (float& x : result) x = value(random);
  return result;
}
std::vector<float> grid(int lowest, int highest, float step) {
  return made(4 * kCols, [&](std::mt19937& random) {
    return step * static_cast<float>(
                      lowest + static_cast<int>(random() % static_cast<unsigned>(highest - lowest + 1)));
  });
}
float gauss(std::mt19937& random) {
  float sum = -6.0f;
  for (int i = 0; i < 12; ++i) sum += static_cast<float>(random() >> 8) * 0x1p-24f;
  return sum;
}
/// Log-normal, one per column.
std::vector<float> uneven(float sigma) {
  std::mt19937 random(9);
  std::vector<float> result(kCols);
  for (float& w : result) w = std::exp(sigma * gauss(random));
  return result;
}

constexpr double kF16Rounding = 0x1p-22;  // of a scale and a minimum: 2^-24 each

}  // namespace

TEST_CASE("gguf_k: weights on a grid with no more levels than codes are stored but for rounding",
          "[gguf_k][grid]") {
  struct Case {
    std::unique_ptr<pq::Encoding> (*make)();
    int lowest, highest;
  };
  const Case c = GENERATE(Case{pq::gguf::make_q2_k, -1, 1}, Case{pq::gguf::make_q2_k, -2, 1},
                          Case{pq::gguf::make_q3_k, -1, 1}, Case{pq::gguf::make_q4_k, -1, 1},
                          Case{pq::gguf::make_q4_k, -2, 1}, Case{pq::gguf::make_q4_k, -4, 3},
                          Case{pq::gguf::make_q4_k, -7, 7}, Case{pq::gguf::make_q4_k, -8, 7},
                          Case{pq::gguf::make_q5_k, -1, 1}, Case{pq::gguf::make_q5_k, -8, 7});
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(1.0f));
  const auto encoding = c.make();
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  INFO(encoding->info().id << ", levels " << c.lowest << ".." << c.highest << ", effort "
                           << static_cast<int>(effort) << ", importance " << !importance.empty());
  CHECK(relative_error(*encoding, grid(c.lowest, c.highest, 0.0117f), importance, effort) < kF16Rounding);
}

TEST_CASE("gguf_k: two magnitudes are stored but for rounding whatever the importance", "[gguf_k][grid]") {
  const auto make = GENERATE(pq::gguf::make_q2_k, pq::gguf::make_q4_k, pq::gguf::make_q5_k);
  const float low = GENERATE(-0.37f, -0.25f, 0.0f), high = GENERATE(0.37f, 0.5f);
  const auto weights = made(2 * kCols, [&](std::mt19937& random) { return random() % 2 == 0 ? low : high; });
  INFO(make()->info().id << " " << low << " " << high);
  CHECK(relative_error(*make(), weights, uneven(GENERATE(1.0f, 4.0f))) < kF16Rounding);
}

TEST_CASE("gguf_k: a single positive weight among zeros leaves them zero", "[gguf_k][grid]") {
  const auto make = GENERATE(pq::gguf::make_q2_k, pq::gguf::make_q4_k, pq::gguf::make_q5_k);
  std::vector<float> weights(kCols, 0.0f), importance(kCols, 1.0f);
  weights[100] = 1.5f;
  importance[100] = 1e-3f;
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights, importance) < kF16Rounding);
}

TEST_CASE("super-scales: an outlier in columns that do not count does not spoil the others",
          "[gguf_k][outlier]") {
  const auto make = GENERATE(pq::gguf::make_q2_k, pq::gguf::make_q3_k, pq::gguf::make_q4_k,
                             pq::gguf::make_q5_k, pq::gguf::make_q6_k, pq::gguf_iq::make_iq4_xs,
                             pq::gguf_iq::make_iq3_xxs, pq::gguf_iq::make_iq2_xxs, pq::gguf_iq::make_iq1_m);
  auto weights = codec_test::weights(Kind::gauss, kCols);
  std::vector<float> importance(kCols, 1.0f);
  std::fill_n(importance.begin() + 64, 32, 0.0f);
  const double before = relative_error(*make(), weights, importance);
  weights[77] = 300.0f;
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights, importance) < 1.3 * before);
}

TEST_CASE("block encodings: one magnitude is stored whatever the importance", "[gguf_iq][grid]") {
  const auto make = GENERATE(pq::gguf_iq::make_iq2_xs, pq::gguf_iq::make_iq2_s, pq::gguf_iq::make_iq3_xxs,
                             pq::gguf_iq::make_iq3_s, pq::gguf_iq::make_iq4_nl, pq::gguf_iq::make_iq4_xs);
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(1.0f), uneven(4.0f));
  INFO(make()->info().id << ", effort " << static_cast<int>(effort));
  CHECK(relative_error(*make(), std::vector<float>(kCols, 0.0371f), importance, effort) < 1e-4);
}

TEST_CASE("iq4_nl: a single weight that counts is stored as well as 16 levels of both signs can",
          "[gguf_iq][grid]") {
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  const auto weights =
      made(4 * kCols, [](std::mt19937& random) { return random() % 2 == 0 ? 0.37f : -0.37f; });
  std::vector<float> importance(kCols, 0.0f);
  for (std::size_t i = 13; i < kCols; i += 32) importance[i] = 1.0f;
  CHECK(relative_error(*pq::gguf_iq::make_iq4_nl(), weights, importance, effort) <
        0x1p-27);  // one f16: 2^-24
}

TEST_CASE("block encodings: groups of one magnitude each share a super-scale well", "[gguf_iq][grid]") {
  const auto make = GENERATE(pq::gguf_iq::make_iq2_xs, pq::gguf_iq::make_iq2_s, pq::gguf_iq::make_iq3_s);
  std::vector<float> weights(4 * kCols);
  std::mt19937 random(3);
  for (std::size_t i = 0; i < weights.size(); i += 32)
    std::fill_n(weights.begin() + static_cast<std::ptrdiff_t>(i), 32, gauss(random));
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights) < 0.004);  // ggml: 0.005
}

TEST_CASE("encodings: weights whose scale is a small f16 are not lost", "[gguf_iq][tiny]") {
  const auto make = GENERATE(pq::gguf_iq::make_iq4_nl, pq::gguf_iq::make_iq4_xs, pq::gguf::make_q4_k,
                             pq::gguf::make_q6_k, pq::gguf_iq::make_iq3_xxs, pq::gguf_ternary::make_tq2_0);
  const auto weights = made(4 * kCols, [](std::mt19937& random) { return 1e-5f * gauss(random); });
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights) < 0.25);
}

TEST_CASE("encodings: the highest effort is never worse than normal, not even in a row",
          "[gguf_iq][effort]") {
  const auto make = GENERATE(pq::gguf_iq::make_iq4_nl, pq::gguf_iq::make_iq4_xs, pq::gguf_iq::make_iq1_s,
                             pq::gguf_iq::make_iq3_s, pq::gguf::make_q3_k, pq::gguf::make_q4_k,
                             pq::gguf_ternary::make_tq1_0, pq::gguf::make_q8_0);
  const float size = GENERATE(1.0f, 1e-4f, 1e-6f);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(2.0f));
  std::mt19937 random(31);
  for (int row = 0; row < 8; ++row) {
    std::vector<float> weights(kCols);
    for (float& x : weights) x = size * gauss(random) * gauss(random);
    const double normal = relative_error(*make(), weights, importance, pq::Effort::normal),
                 best = relative_error(*make(), weights, importance, pq::Effort::best);
    INFO(make()->info().id << ", size " << size << ", row " << row);
    CHECK(best <= normal * 1.00001);
  }
}

TEST_CASE(
    "block encodings: a group that decides the error alone is searched nearly as well as by the highest "
    "effort",
    "[gguf_iq][gguf_k][outlier]") {
  const auto make = GENERATE(pq::gguf::make_q3_k, pq::gguf::make_q4_k, pq::gguf::make_q5_k,
                             pq::gguf::make_q6_k, pq::gguf_iq::make_iq4_xs);
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(1.0f));
  auto weights = codec_test::weights(Kind::gauss, 8 * kCols);
  for (std::size_t i = 0; i < weights.size(); ++i) weights[i] *= i % kCols / 32 == 3 ? 20.0f : 1.0f;
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights, importance, effort) <=
        1.03 * relative_error(*make(), weights, importance, pq::Effort::best));
}

TEST_CASE("gguf_ternary: the affine view holds exactly what is stored, and fits into q8_0",
          "[gguf_ternary][affine]") {
  const auto make = GENERATE(pq::gguf_ternary::make_tq1_0, pq::gguf_ternary::make_tq2_0);
  const auto bytes = encode(*make(), codec_test::weights(Kind::gauss, kCols), kCols);
  const auto values = decode(*make(), bytes, kCols);
  pq::AffineRow row;
  REQUIRE(make()->unpack_affine(bytes, kCols, row));
  CHECK(row.group_cols == 256);
  std::vector<std::byte> again(bytes.size()), q8(pq::gguf::make_q8_0()->row_bytes(kCols));
  REQUIRE(make()->pack_affine(row, again));
  CHECK(again == bytes);
  REQUIRE(pq::gguf::make_q8_0()->pack_affine(row, q8));
  CHECK(decode(*pq::gguf::make_q8_0(), q8, kCols) == values);
}

TEST_CASE("q8_0: two mirrored values and zero are stored as with the step of the largest / 127",
          "[gguf_legacy][grid]") {
  const int lowest = -1, zero = GENERATE(0, 1);
  const float value = GENERATE(0.37f, 0.0371f);
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(1.0f));
  const auto weights = made(kCols, [&](std::mt19937& random) {
    const unsigned draw = static_cast<unsigned>(random()) % (zero == 0 ? 2u : 3u);
    return draw == 2 ? 0.0f : draw == 1 ? value : static_cast<float>(lowest) * value;
  });
  INFO("value " << value << ", effort " << static_cast<int>(effort));
  CHECK(relative_error(*pq::gguf::make_q8_0(), weights, importance, effort) < 0x1p-23);  // one f16 number
}

TEST_CASE("q8_0: blocks with both extremes are no worse than with the step of the largest / 127",
          "[gguf_legacy][grid]") {
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  std::mt19937 random(12);
  double ours = 0, rounded = 0;
  for (int block = 0; block < 200; ++block) {
    std::vector<float> weights(32), plain(32);
    float largest = 0;
    for (float& x : weights) largest = std::max(largest, std::abs(x = gauss(random)));
    weights[0] = largest;
    weights[1] = -largest;
    const float step = pq::f16_to(pq::f16_from(largest / 127.0f));
    for (std::size_t i = 0; i < 32; ++i) plain[i] = std::round(weights[i] * (127.0f / largest)) * step;
    const auto stored =
        decode(*pq::gguf::make_q8_0(), encode(*pq::gguf::make_q8_0(), weights, 32, {}, effort), 32);
    const double error = squared_error(weights, stored), other = squared_error(weights, plain);
    CHECK(error <= 1.1 * other);  // the step is rounded to f16 afterwards, which can cost some per cent
    ours += error;
    rounded += other;
  }
  CHECK(ours < 0.9 * rounded);
}

TEST_CASE("gguf_legacy: weights of one sign far from zero are stored nearly as well as an exact search does",
          "[gguf_legacy][one_sided]") {
  const auto make = GENERATE(pq::gguf::make_q4_0, pq::gguf::make_q5_0);
  const float center = GENERATE(1.0f, -1.0f);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(1.0f));
  const auto weights =
      made(4 * kCols, [&](std::mt19937& random) { return center * (1.0f + 0.05f * gauss(random)); });
  INFO(make()->info().id << " around " << center);
  CHECK(relative_error(*make(), weights, importance) <
        1.005 * relative_error(*make(), weights, importance, pq::Effort::best));
}

TEST_CASE("gguf_legacy: small scales are compared as f16 stores them", "[gguf_legacy][tiny]") {
  const auto make = GENERATE(pq::gguf::make_q4_0, pq::gguf::make_q4_1, pq::gguf::make_q5_0,
                             pq::gguf::make_q5_1, pq::gguf::make_q8_0);
  const float size = GENERATE(1e-4f, 1e-5f, 1e-6f);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, uneven(2.0f));
  const auto weights = made(4 * kCols, [&](std::mt19937& random) { return size * gauss(random); });
  INFO(make()->info().id << ", size " << size);
  const double normal = relative_error(*make(), weights, importance),
               best = relative_error(*make(), weights, importance, pq::Effort::best);
  CHECK(normal < 0.02);
  CHECK(best <= normal * 1.00001);
}

TEST_CASE("q5_1: two weights among zeros are stored no worse than ggml stores them",
          "[gguf_legacy][sparse]") {
  std::vector<float> weights(32, 0.0f), importance(32, 36.894f / 30), ggml(32, 0.0f);
  weights[3] = 1.08897281f, importance[3] = 1.9287f, ggml[3] = 1.08532715f;
  weights[9] = 1.91468453f, importance[9] = 17.2127f, ggml[9] = 1.91528320f;
  const auto effort = GENERATE(from_range(std::begin(kEfforts), std::end(kEfforts)));
  const auto encoding = pq::gguf::make_q5_1();
  const auto stored = decode(*encoding, encode(*encoding, weights, 32, importance, effort), 32);
  CHECK(squared_error(weights, stored, importance) <= squared_error(weights, ggml, importance));
}

TEST_CASE("q4_1, q5_1: an offset that f16 rounds by much goes with the scale that suits it",
          "[gguf_legacy][outlier]") {
  const int codes = GENERATE(15, 31);
  const auto encoding = codes == 15 ? pq::gguf::make_q4_1() : pq::gguf::make_q5_1();
  const float outlier = GENERATE(-355.84753f, -100.3f, -2049.7f);
  auto weights = made(32, [](std::mt19937& random) { return 0.03f * gauss(random); });
  std::vector<float> importance(32, 1.0f);
  weights[17] = outlier;
  importance[20] = 20000.0f;
  const double error =
      squared_error(weights, decode(*encoding, encode(*encoding, weights, 32, importance), 32), importance);
  // The outlier on code 0, all others on one code: any of the upper half of them.
  const float offset = pq::f16_to(pq::f16_from(outlier));
  for (int code = codes / 2 + 1; code <= codes; ++code) {
    const float scale = pq::f16_to(pq::f16_from(-outlier / static_cast<float>(code)));
    std::vector<float> plain(32, offset + scale * static_cast<float>(code));
    plain[17] = offset;
    CHECK(error <= squared_error(weights, plain, importance) * 1.00001);
  }
}

TEST_CASE("gguf_legacy: an importance of 1 everywhere is not stored worse than none",
          "[gguf_legacy][importance]") {
  const auto make = GENERATE(pq::gguf::make_q4_0, pq::gguf::make_q4_1, pq::gguf::make_q5_0,
                             pq::gguf::make_q5_1, pq::gguf::make_q8_0);
  const auto weights = codec_test::weights(Kind::gauss, 8 * kCols);
  INFO(make()->info().id);
  CHECK(relative_error(*make(), weights, std::vector<float>(kCols, 1.0f)) <=
        relative_error(*make(), weights));
}
