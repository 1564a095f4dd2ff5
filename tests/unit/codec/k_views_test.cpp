// What else a K type offers: the affine view, the column codec, the check of stored rows.
#include "k_types.hpp"

#include <gguf_k/q6_k.hpp>

using namespace codec_test;

namespace {
std::unique_ptr<pq::Encoding> any_type() {
  const auto& type = GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes)));
  return type.make();
}
}  // namespace

TEST_CASE("gguf_k: the affine view holds exactly what is stored, and packs back", "[gguf_k][affine]") {
  const auto encoding = any_type();
  const auto bytes = encode(*encoding, codec_test::weights(Kind::heavy_tails, 512), 512);
  const auto values = decode(*encoding, bytes, 512);
  pq::AffineRow row;
  REQUIRE(encoding->unpack_affine(bytes, 512, row));
  REQUIRE(row.group_cols == encoding->info().grid.group_cols);
  const std::size_t group = static_cast<std::size_t>(row.group_cols);
  std::vector<float> seen(512);
  for (std::size_t i = 0; i < 512; ++i) {
    const float product = row.scales[i / group] * static_cast<float>(row.codes[i]);
    seen[i] = product + row.offsets[i / group];
  }
  CHECK(seen == values);
  std::vector<std::byte> packed(bytes.size());
  REQUIRE(encoding->pack_affine(row, packed));
  CHECK(decode(*encoding, packed, 512) == values);
}

TEST_CASE("q6_k: affine rows that do not fit exactly are refused", "[gguf_k][affine]") {
  const auto encoding = pq::gguf::make_q6_k();
  std::vector<std::byte> bytes(encoding->row_bytes(256));
  const auto row = [](float first_scale, float scale, float offset, std::int32_t code) {
    pq::AffineRow result{64, std::vector<float>(4, scale), std::vector<float>(4, offset),
                         std::vector<std::int32_t>(256, code)};
    result.scales[0] = first_scale;
    return result;
  };
  CHECK(encoding->pack_affine(row(0.5f, 0.25f, 0.0f, 31), bytes));
  CHECK(decode(*encoding, bytes, 256)[0] == 15.5f);
  CHECK_FALSE(encoding->pack_affine(row(0.5f, 0.1f, 0.0f, 3), bytes));     // 0.1 is no f16 times an integer
  CHECK_FALSE(encoding->pack_affine(row(0.5f, 0.25f, 0.0f, 32), bytes));   // 65 levels
  CHECK_FALSE(encoding->pack_affine(row(0.5f, 0.25f, 0.25f, 3), bytes));   // there are no offsets
  CHECK_FALSE(encoding->pack_affine(row(300.5f, 0.25f, 0.0f, 3), bytes));  // more than 128 apart
}

TEST_CASE("gguf_k: the column codec emits what it said it rounds to, no worse than the encoder",
          "[gguf_k][columns]") {
  const auto encoding = any_type();
  const std::vector<float> importance = GENERATE(std::vector<float>{}, codec_test::importance(512));
  const auto weights = codec_test::weights(Kind::gauss, 3 * 512);
  const auto columns = encoding->column_codec(3, 512, pq::Effort::normal);
  REQUIRE(columns->fit_cols() == 256);
  REQUIRE(columns->round_cols() == 1);
  std::vector<float> rounded(weights.size());
  for (std::int64_t c = 0; c < 512; ++c) {
    if (c % 256 == 0) {
      const std::span<const float> part =
          importance.empty() ? importance : std::span(importance).subspan(static_cast<std::size_t>(c), 256);
      columns->fit({weights.data() + c, 3, 256, 512}, part);
    }
    columns->round({weights.data() + c, 3, 1, 512}, {rounded.data() + c, 3, 1, 512});
  }
  std::vector<std::byte> bytes(encoding->row_bytes(512) * 3);
  for (std::int64_t r = 0; r < 3; ++r)
    columns->emit(r, pq::MutableBytes(bytes).subspan(static_cast<std::size_t>(r) * encoding->row_bytes(512),
                                                     encoding->row_bytes(512)));
  CHECK(decode(*encoding, bytes, 512) == rounded);
  const auto encoded = decode(*encoding, encode(*encoding, weights, 512, importance), 512);
  CHECK(squared_error(weights, rounded, importance) <= squared_error(weights, encoded, importance) * 1.0001);
}

TEST_CASE("gguf_k: a stored scale that is not finite is reported with its super-block", "[gguf_k][check]") {
  const auto encoding = pq::gguf::make_q6_k();
  auto bytes = encode(*encoding, codec_test::weights(Kind::gauss, 512), 512);
  const std::uint16_t nan = 0x7E00;
  std::memcpy(bytes.data() + 210 + 208, &nan, 2);
  CHECK(encoding->check_rows(bytes, 512).value() == "super-block 1 has a scale that is NaN or infinite");
}
