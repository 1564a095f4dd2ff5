// What holds for every encoding of gguf_iq, gguf_ternary and microscaling, on good data and bad.
#include "block_encodings.hpp"
#include "targets.hpp"

#include <algorithm>
#include <cmath>

using codec_test::decode;
using codec_test::encode;

namespace {

constexpr std::size_t kCols = 256;  // a multiple of all blocks

}  // namespace

TEST_CASE("block encodings: every instruction set writes the same bytes", "[gguf_iq][simd]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  const auto kind = GENERATE(from_range(std::begin(codec_test::kKinds), std::end(codec_test::kKinds)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(3 * kCols));
  const auto weights = codec_test::weights(kind, 3 * kCols);
  INFO(encoding->info().id << ", kind " << static_cast<int>(kind) << ", effort " << static_cast<int>(effort));
  std::vector<std::byte> first;
  codec_test::for_each_target([&] {
    const auto bytes = encode(*encoding, weights, 3 * kCols, importance, effort);
    if (first.empty()) first = bytes;
    CHECK(bytes == first);
  });
}

TEST_CASE("block encodings: stored scales are finite and no result is worse than zeros",
          "[gguf_iq][hostile]") {
  constexpr double kRounding = 1.01;  // for scales that are nearly nothing
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  const auto kind = GENERATE(from_range(std::begin(codec_test::kKinds), std::end(codec_test::kKinds)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(kCols));
  INFO(encoding->info().id << ", kind " << static_cast<int>(kind) << ", effort " << static_cast<int>(effort));
  auto weights = codec_test::weights(kind, 2 * kCols);
  const auto bytes = encode(*encoding, weights, kCols, importance, effort);
  CHECK_FALSE(encoding->check_rows(bytes, kCols));
  const auto back = decode(*encoding, bytes, kCols);
  CHECK(std::all_of(back.begin(), back.end(), [](float x) { return std::isfinite(x); }));
  if (kind == codec_test::Kind::hostile) return;
  CHECK(codec_test::squared_error(weights, back, importance) <=
        kRounding * codec_test::squared_error(weights, std::vector<float>(weights.size(), 0.0f), importance));
}

TEST_CASE("block encodings: a NaN leaves its block usable", "[gguf_iq][hostile]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  INFO(encoding->info().id);
  auto weights = codec_test::weights(codec_test::Kind::gauss, kCols);
  auto zeroed = weights;
  weights[7] = std::numeric_limits<float>::quiet_NaN();
  zeroed[7] = 0.0f;
  CHECK(encode(*encoding, weights, kCols) == encode(*encoding, zeroed, kCols));
}

TEST_CASE("block encodings: a group of one value keeps it", "[gguf_iq]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  const float value = GENERATE(0.0371f, -0.0371f, 1.0f, 0.5001f);
  INFO(encoding->info().id << " " << value);
  const auto back = decode(*encoding, encode(*encoding, std::vector<float>(kCols, value), kCols), kCols);
  // A power of two or an 8-bit float as the scale leaves what is between neighbouring 4-bit floats; an f16 elsewhere.
  const std::string id = encoding->info().id;
  const double tolerance = id == "mxfp4" ? 0.2 : id == "nvfp4" ? 0.07 : 0.002;
  for (const float x : back)
    CHECK(static_cast<double>(std::abs(x - value)) <= tolerance * static_cast<double>(std::abs(value)));
}

TEST_CASE("block encodings: importance that is all zero is no importance, and only ratios matter",
          "[gguf_iq][importance]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  INFO(encoding->info().id);
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 2 * kCols);
  const std::vector<float> zeros(kCols, 0.0f), ones(kCols, 1.0f);
  CHECK(encode(*encoding, weights, kCols, zeros) == encode(*encoding, weights, kCols));
  CHECK(encode(*encoding, weights, kCols, ones) == encode(*encoding, weights, kCols));
  auto importance = codec_test::importance(kCols), scaled = importance;
  for (float& value : scaled) value *= 0x1p70f;
  CHECK(encode(*encoding, weights, kCols, importance) == encode(*encoding, weights, kCols, scaled));
}

TEST_CASE("block encodings: columns without importance are still stored sensibly", "[gguf_iq][importance]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  INFO(encoding->info().id);
  const auto weights = codec_test::weights(codec_test::Kind::gauss, kCols);
  std::vector<float> importance(kCols, 1.0f);
  std::fill_n(importance.begin(), 64, 0.0f);
  const auto back = decode(*encoding, encode(*encoding, weights, kCols, importance), kCols);
  const std::vector<float> head(weights.begin(), weights.begin() + 64),
      found(back.begin(), back.begin() + 64);
  CHECK(codec_test::squared_error(head, found) <
        0.6 * codec_test::squared_error(head, std::vector<float>(64, 0.0f)));
}

TEST_CASE("block encodings: more effort is never worse over many blocks", "[gguf_iq][effort]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  const auto kind = GENERATE(codec_test::Kind::gauss, codec_test::Kind::heavy_tails);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(kCols));
  const auto weights = codec_test::weights(kind, kCols * 16);
  const auto error = [&](pq::Effort effort) {
    return codec_test::squared_error(
        weights, decode(*encoding, encode(*encoding, weights, kCols, importance, effort), kCols), importance);
  };
  const double fast = error(pq::Effort::fast), normal = error(pq::Effort::normal),
               best = error(pq::Effort::best);
  INFO(encoding->info().id << ": " << fast << " " << normal << " " << best);
  CHECK(normal <= fast);
  CHECK(best <= normal);
}

TEST_CASE("block encodings: the column codec emits what it said it rounds to", "[gguf_iq][columns]") {
  const auto encoding =
      GENERATE(from_range(std::begin(codec_test::kBlockMakers), std::end(codec_test::kBlockMakers)))();
  INFO(encoding->info().id);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(kCols));
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 3 * kCols);
  const auto columns = encoding->column_codec(3, kCols, pq::Effort::normal);
  const auto fit = static_cast<std::size_t>(columns->fit_cols()),
             step = static_cast<std::size_t>(columns->round_cols());
  CHECK(step == (encoding->info().grid.family == pq::GridFamily::lattice ? 8u : 1u));
  std::vector<float> rounded(weights.size());
  const auto part = [](auto& values, std::size_t first, std::size_t count) {
    return std::pair{values.data() + first, static_cast<std::int64_t>(count)};
  };
  for (std::size_t c = 0; c < kCols; c += step) {
    if (c % fit == 0) {
      const auto [data, cols] = part(weights, c, fit);
      const auto w = importance.empty() ? std::span<const float>() : std::span(importance).subspan(c, fit);
      columns->fit({data, 3, cols, kCols}, w);
    }
    const auto [from, count] = part(weights, c, step);
    const auto [to, same] = part(rounded, c, step);
    columns->round({from, 3, count, kCols}, {to, 3, same, kCols});
  }
  std::vector<std::byte> bytes(encoding->row_bytes(kCols) * 3);
  for (std::int64_t r = 0; r < 3; ++r)
    columns->emit(r,
                  pq::MutableBytes(bytes).subspan(static_cast<std::size_t>(r) * encoding->row_bytes(kCols)));
  CHECK(decode(*encoding, bytes, kCols) == rounded);
  const auto encoded = decode(*encoding, encode(*encoding, weights, kCols, importance), kCols);
  CHECK(codec_test::squared_error(weights, rounded, importance) <=
        codec_test::squared_error(weights, encoded, importance) * 1.05);
}

TEST_CASE("block encodings: a stored scale that is not finite is reported with its block",
          "[gguf_iq][check]") {
  auto bytes = encode(*pq::gguf_iq::make_iq4_nl(), codec_test::weights(codec_test::Kind::gauss, 64), 64);
  const std::uint16_t nan = 0x7E00;
  std::memcpy(bytes.data() + 18, &nan, 2);
  CHECK(pq::gguf_iq::make_iq4_nl()->check_rows(bytes, 64).value() ==
        "block 1 has a scale that is NaN or infinite");
  std::vector<std::byte> reserved(17, std::byte{255});
  CHECK(pq::microscaling::make_mxfp4()->check_rows(reserved, 32).value() ==
        "block 0 has the reserved exponent 255");
}
