#include "k_types.hpp"
#include "targets.hpp"

#include <algorithm>

using namespace codec_test;

namespace {
std::unique_ptr<pq::Encoding> any_type() {
  const auto& type = GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes)));
  return type.make();
}
pq::Effort any_effort() { return GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best); }
}  // namespace

TEST_CASE("gguf_k: every instruction set writes the same bytes", "[gguf_k][simd]") {
  const auto encoding = any_type();
  const auto kind = GENERATE(from_range(std::begin(kKinds), std::end(kKinds)));
  const auto effort = any_effort();
  const bool weighted = GENERATE(false, true);
  const std::size_t cols = effort == pq::Effort::best ? 256 : 512;  // the widest search is slow
  const std::vector<float> importance = weighted ? codec_test::importance(cols) : std::vector<float>{};
  const auto weights = codec_test::weights(kind, cols * (effort == pq::Effort::normal ? 3 : 1));
  INFO(encoding->info().id << ", kind " << static_cast<int>(kind) << ", effort " << static_cast<int>(effort));
  std::vector<std::byte> first;
  for_each_target([&] {
    const auto bytes = encode(*encoding, weights, cols, importance, effort);
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  });
}

TEST_CASE("gguf_k: all zeros stay zero", "[gguf_k]") {
  const auto encoding = any_type();
  const std::vector<float> zeros(512, 0.0f);
  CHECK(decode(*encoding, encode(*encoding, zeros, 512), 512) == zeros);
}

TEST_CASE("gguf_k: one value everywhere keeps eleven bits", "[gguf_k]") {
  constexpr float kF16Relative = 0x1p-11f;  // one rounding to f16
  const auto encoding = any_type();
  const float value = GENERATE(0.0371f, -0.0371f, 1.0f, -3e4f, 0.5001f);
  const auto effort = any_effort();
  INFO(encoding->info().id << " " << value);
  for (const float back :
       decode(*encoding, encode(*encoding, std::vector<float>(256, value), 256, {}, effort), 256))
    CHECK(back == Approx(value).epsilon(kF16Relative));
}

TEST_CASE("gguf_k: NaN becomes zero, infinity a large value, all stay finite", "[gguf_k][hostile]") {
  const auto encoding = any_type();
  const auto effort = any_effort();
  INFO(encoding->info().id);
  std::vector<float> weights(512, 0.25f);
  weights[3] = std::numeric_limits<float>::quiet_NaN();
  weights[300] = -std::numeric_limits<float>::infinity();
  const auto back = decode(*encoding, encode(*encoding, weights, 512, {}, effort), 512);
  CHECK(std::all_of(back.begin(), back.end(), [](float x) { return std::isfinite(x); }));
  CHECK(std::abs(back[3]) < 0.1f);
  CHECK(back[300] < -65504.0f);
  CHECK(back[16] == Approx(0.25f).epsilon(0.02));  // another group of the first super-block
}

TEST_CASE("gguf_k: stored numbers are finite for any input", "[gguf_k][hostile]") {
  const auto encoding = any_type();
  const auto kind = GENERATE(from_range(std::begin(kKinds), std::end(kKinds)));
  const auto effort = any_effort();
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(512));
  CHECK_FALSE(
      encoding->check_rows(encode(*encoding, codec_test::weights(kind, 512), 512, importance, effort), 512));
}

TEST_CASE("gguf_k: importance of zero everywhere counts as none", "[gguf_k][importance]") {
  const auto encoding = any_type();
  const auto weights = codec_test::weights(Kind::gauss, 512);
  const std::vector<float> zeros(512, 0.0f);
  CHECK(encode(*encoding, weights, 512, zeros) == encode(*encoding, weights, 512));
}

TEST_CASE("gguf_k: a group without importance beside others is not erased", "[gguf_k][importance]") {
  const auto encoding = any_type();
  const auto weights = codec_test::weights(Kind::gauss, 256);
  std::vector<float> importance(256, 1.0f);
  std::fill_n(importance.begin(), 32, 0.0f);
  const auto back = decode(*encoding, encode(*encoding, weights, 256, importance), 256);
  const std::vector<float> x(weights.begin(), weights.begin() + 32), y(back.begin(), back.begin() + 32);
  CHECK(squared_error(x, y) < 0.2 * squared_error(x, std::vector<float>(32, 0.0f)));
}

TEST_CASE("gguf_k: only ratios of importance matter", "[gguf_k][importance]") {
  const auto encoding = any_type();
  const auto weights = codec_test::weights(Kind::gauss, 512);
  auto importance = codec_test::importance(512), scaled = importance;
  for (float& value : scaled) value *= 0x1p70f;
  CHECK(encode(*encoding, weights, 512, importance) == encode(*encoding, weights, 512, scaled));
}

TEST_CASE("gguf_k: more effort is never worse over many blocks", "[gguf_k][effort]") {
  const auto encoding = any_type();
  const auto kind = GENERATE(Kind::gauss, Kind::heavy_tails, Kind::positive);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(256));
  const auto weights = codec_test::weights(kind, 256 * 8);
  const auto error = [&](pq::Effort effort) {
    return squared_error(weights, decode(*encoding, encode(*encoding, weights, 256, importance, effort), 256),
                         importance);
  };
  const double fast = error(pq::Effort::fast), normal = error(pq::Effort::normal),
               best = error(pq::Effort::best);
  INFO(encoding->info().id << ": " << fast << " " << normal << " " << best);
  constexpr double kLuck = 1.001;  // the searches end in different local optima
  CHECK(normal <= fast * kLuck);
  CHECK(best <= normal);
}

TEST_CASE("gguf_k: rows may lie apart in memory, and may come one by one", "[gguf_k]") {
  const auto encoding = any_type();
  const auto weights = codec_test::weights(Kind::gauss, 5 * 300);
  std::vector<std::byte> together(encoding->row_bytes(256) * 5), single;
  const auto encoder = encoding->encoder({256, {}, pq::Effort::normal});
  encoder->encode({weights.data(), 5, 256, 300}, together);
  for (std::int64_t r = 0; r < 5; ++r) {
    std::vector<std::byte> row(encoding->row_bytes(256));
    encoder->encode({weights.data() + 300 * r, 1, 256, 256}, row);
    single.insert(single.end(), row.begin(), row.end());
  }
  CHECK(single == together);
}
