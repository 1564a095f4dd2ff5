#include "support.hpp"

#include <gguf_legacy/encoding.hpp>
#include <gguf_legacy/layouts.hpp>

#include <algorithm>

using namespace pq::gguf;
using codec_test::decode;
using codec_test::encode;

namespace {

constexpr std::unique_ptr<pq::Encoding> (*kMakers[])() = {make_q4_0, make_q4_1, make_q5_0, make_q5_1,
                                                          make_q8_0};

}  // namespace

TEST_CASE("gguf_legacy: all zeros stay zero", "[gguf_legacy]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const std::vector<float> zeros(96, 0.0f);
  CHECK(decode(*encoding, encode(*encoding, zeros, 96), 96) == zeros);
}

TEST_CASE("gguf_legacy: one value everywhere keeps eleven bits or more", "[gguf_legacy]") {
  constexpr float kF16Relative = 0x1p-11f;  // one rounding to f16
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const float value = GENERATE(0.0371f, -0.0371f, 1.0f, -3e4f, 0.5001f);
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  INFO(encoding->info().id << " " << value);
  for (const float back :
       decode(*encoding, encode(*encoding, std::vector<float>(32, value), 32, {}, effort), 32))
    CHECK(back == Approx(value).epsilon(kF16Relative));
}

TEST_CASE("gguf_legacy: NaN becomes zero, infinity the largest value, neighbours stay finite",
          "[gguf_legacy][hostile]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  INFO(encoding->info().id);
  std::vector<float> weights(64, 0.25f);
  weights[3] = std::numeric_limits<float>::quiet_NaN();
  weights[40] = -std::numeric_limits<float>::infinity();
  const auto back = decode(*encoding, encode(*encoding, weights, 64, {}, effort), 64);
  CHECK(std::all_of(back.begin(), back.end(), [](float x) { return std::isfinite(x); }));
  CHECK(std::abs(back[3]) < 0.02f);
  CHECK(back[40] <= -65504.0f);                   // the largest f16, which bounds offsets
  CHECK(back[0] == Approx(0.25f).epsilon(0.07));  // half a step of 4 bits
}

TEST_CASE("gguf_legacy: stored scales are finite for any input", "[gguf_legacy][hostile]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto kind = GENERATE(from_range(std::begin(codec_test::kKinds), std::end(codec_test::kKinds)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(128));
  const auto bytes = encode(*encoding, codec_test::weights(kind, 512), 128, importance, effort);
  CHECK_FALSE(encoding->check_rows(bytes, 128));
}

TEST_CASE("gguf_legacy: a group whose importance is all zero is encoded as if all weights counted",
          "[gguf_legacy][importance]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 64);
  const std::vector<float> zeros(64, 0.0f), ones(64, 1.0f);
  CHECK(encode(*encoding, weights, 64, zeros) == encode(*encoding, weights, 64, ones));
}

TEST_CASE("gguf_legacy: only ratios of importance matter", "[gguf_legacy][importance]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 128);
  auto importance = codec_test::importance(128), scaled = importance;
  for (float& value : scaled) value *= 0x1p70f;
  CHECK(encode(*encoding, weights, 128, importance) == encode(*encoding, weights, 128, scaled));
}

TEST_CASE("gguf_legacy: more effort is never worse over many blocks", "[gguf_legacy][effort]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto kind =
      GENERATE(codec_test::Kind::gauss, codec_test::Kind::heavy_tails, codec_test::Kind::positive);
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(256));
  const auto weights = codec_test::weights(kind, 256 * 16);
  const auto error = [&](pq::Effort effort) {
    return codec_test::squared_error(
        weights, decode(*encoding, encode(*encoding, weights, 256, importance, effort), 256), importance);
  };
  const double fast = error(pq::Effort::fast), normal = error(pq::Effort::normal),
               best = error(pq::Effort::best);
  INFO(encoding->info().id << ": " << fast << " " << normal << " " << best);
  CHECK(normal <= fast);
  CHECK(best <= normal);
}

TEST_CASE("gguf_legacy: rows may lie apart in memory", "[gguf_legacy]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 5 * 100);
  std::vector<float> dense;
  for (std::size_t r = 0; r < 5; ++r)
    dense.insert(dense.end(), weights.begin() + static_cast<std::ptrdiff_t>(r * 100),
                 weights.begin() + static_cast<std::ptrdiff_t>(r * 100 + 96));
  std::vector<std::byte> bytes(encoding->row_bytes(96) * 5);
  encoding->encoder({96, {}, pq::Effort::normal})->encode({weights.data(), 5, 96, 100}, bytes);
  CHECK(bytes == encode(*encoding, dense, 96));
}

TEST_CASE("gguf_legacy: the affine view holds exactly what is stored", "[gguf_legacy][affine]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const auto bytes = encode(*encoding, codec_test::weights(codec_test::Kind::gauss, 96), 96);
  const auto values = decode(*encoding, bytes, 96);
  pq::AffineRow row;
  REQUIRE(encoding->unpack_affine(bytes, 96, row));
  REQUIRE(row.group_cols == 32);
  for (std::size_t i = 0; i < 96; ++i) {
    const float product = row.scales[i / 32] * static_cast<float>(row.codes[i]);
    CHECK(product + row.offsets[i / 32] == values[i]);
  }
  std::vector<std::byte> packed(bytes.size());
  REQUIRE(encoding->pack_affine(row, packed));
  CHECK(decode(*encoding, packed, 96) == values);
}

TEST_CASE("q4_0: an affine row with zero point 8 and groups of 128 fits", "[gguf_legacy][affine]") {
  pq::AffineRow row{128, {0.25f}, {-2.0f}, {}};  // w = 0.25 * (code - 8)
  for (int i = 0; i < 128; ++i) row.codes.push_back(i % 16);
  std::vector<std::byte> bytes(4 * sizeof(Q4_0::Block));
  REQUIRE(make_q4_0()->pack_affine(row, bytes));
  const auto values = decode(*make_q4_0(), bytes, 128);
  CHECK(values[0] == -2.0f);
  CHECK(values[15] == 1.75f);
}

TEST_CASE("q4_0: an affine row with codes -7..8 fits with the scale negated", "[gguf_legacy][affine]") {
  pq::AffineRow row{32, {0.5f}, {0.0f}, std::vector<std::int32_t>(32, 8)};
  row.codes[1] = -7;
  std::vector<std::byte> bytes(sizeof(Q4_0::Block));
  REQUIRE(make_q4_0()->pack_affine(row, bytes));
  CHECK(decode(*make_q4_0(), bytes, 32)[0] == 4.0f);
  CHECK(decode(*make_q4_0(), bytes, 32)[1] == -3.5f);
}

TEST_CASE("gguf_legacy: affine rows that do not fit exactly are refused", "[gguf_legacy][affine]") {
  std::vector<std::byte> bytes(sizeof(Q4_1::Block));
  const auto row = [](float scale, float offset, std::int32_t last) {
    pq::AffineRow result{32, {scale}, {offset}, std::vector<std::int32_t>(32, 0)};
    result.codes[31] = last;
    return result;
  };
  CHECK_FALSE(make_q4_0()->pack_affine(row(0.1f, 0.0f, 3), bytes));   // 0.1 is no f16
  CHECK_FALSE(make_q4_0()->pack_affine(row(0.5f, 0.25f, 3), bytes));  // half a step beside the grid
  CHECK_FALSE(make_q4_1()->pack_affine(row(0.5f, 0.0f, 16), bytes));  // 17 levels
  CHECK_FALSE(make_q4_1()->pack_affine({16, {0.5f, 0.25f}, {0, 0}, std::vector<std::int32_t>(32, 1)},
                                       bytes));  // two scales in a block
  CHECK(make_q4_1()->pack_affine({16, {0.5f, 0.5f}, {0, 0}, std::vector<std::int32_t>(32, 1)}, bytes));
}

TEST_CASE("gguf_legacy: the column codec emits what it said it rounds to, no worse than the encoder",
          "[gguf_legacy][columns]") {
  const auto encoding = GENERATE(from_range(std::begin(kMakers), std::end(kMakers)))();
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(96));
  const auto weights = codec_test::weights(codec_test::Kind::gauss, 4 * 96);
  const auto columns = encoding->column_codec(4, 96, pq::Effort::normal);
  REQUIRE(columns->fit_cols() == 32);
  REQUIRE(columns->round_cols() == 1);
  std::vector<float> rounded(weights.size());
  for (std::int64_t c = 0; c < 96; ++c) {
    if (c % 32 == 0) {
      const std::span<const float> part =
          importance.empty() ? importance : std::span(importance).subspan(static_cast<std::size_t>(c), 32);
      columns->fit({weights.data() + c, 4, 32, 96}, part);
    }
    columns->round({weights.data() + c, 4, 1, 96}, {rounded.data() + c, 4, 1, 96});
  }
  std::vector<std::byte> bytes(encoding->row_bytes(96) * 4);
  for (std::int64_t r = 0; r < 4; ++r)
    columns->emit(r, pq::MutableBytes(bytes).subspan(static_cast<std::size_t>(r) * encoding->row_bytes(96),
                                                     encoding->row_bytes(96)));
  CHECK(decode(*encoding, bytes, 96) == rounded);
  const auto encoded = decode(*encoding, encode(*encoding, weights, 96, importance), 96);
  // The encoder minimises the importance-weighted error, so that is what is compared.
  CHECK(codec_test::squared_error(weights, rounded, importance) <=
        codec_test::squared_error(weights, encoded, importance) * 1.0001);
}

TEST_CASE("gguf_legacy: a stored scale that is not finite is reported with its block",
          "[gguf_legacy][check]") {
  auto bytes = encode(*make_q4_1(), codec_test::weights(codec_test::Kind::gauss, 64), 64);
  const std::uint16_t nan = 0x7E00;
  std::memcpy(bytes.data() + sizeof(Q4_1::Block) + 2, &nan, 2);
  CHECK(make_q4_1()->check_rows(bytes, 64).value() == "block 1 has an offset that is NaN or infinite");
}
