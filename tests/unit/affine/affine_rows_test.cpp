#include "support.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/codec/affine_rows.hpp>

using namespace pq;
using affine_test::bytes_of;
using affine_test::make;
using Catch::Matchers::Contains;

TEST_CASE("affine: scales come first, then zeros, then codes from the lowest bit on", "[affine][layout]") {
  const auto encoding = make("bits=4,group=2");
  REQUIRE(encoding->row_bytes(3) == 2 * 2 + 2 + 2);
  // f16: 0.5 and -2; codes 3, 15, 0
  const auto row = bytes_of({0x00, 0x38, 0x00, 0xC0, 8, 16, 0xF3, 0x00});
  CHECK(affine_test::decoded(*encoding, row, 3) == std::vector<float>{-2.5f, 3.5f, 32.0f});
}

TEST_CASE("affine: 8-bit zeros have two bytes, since 256 is one of them", "[affine][layout]") {
  const auto encoding = make("bits=8,group=-1");
  const auto row = bytes_of({0x00, 0x3C, 0x00, 0x01, 255, 1});
  REQUIRE(encoding->row_bytes(2) == row.size());
  CHECK(affine_test::decoded(*encoding, row, 2) == std::vector<float>{-1.0f, -255.0f});
}

TEST_CASE("affine: a symmetric grid has the middle code as zero and stores none", "[affine][layout]") {
  const auto encoding = make("bits=3,group=8,symmetric=true,scale=bf16");
  // bf16 1; codes 1 2 3 4 5 6 7 0 are D1 58 1F (a check of MLX's 3-bit packing)
  const auto row = bytes_of({0x80, 0x3F, 0xD1, 0x58, 0x1F});
  REQUIRE(encoding->row_bytes(8) == row.size());
  CHECK(affine_test::decoded(*encoding, row, 8) == std::vector<float>{-3, -2, -1, 0, 1, 2, 3, -4});
}

TEST_CASE("affine: real zeros and offsets have the type of the scales", "[affine][layout]") {
  std::vector<std::byte> row(4 + 4 + 1);
  store(row.data(), 0.5f);
  store(row.data() + 4, 1.25f);
  row[8] = std::byte{0x31};
  CHECK(affine_test::decoded(*make("bits=4,scale=f32,zero=float"), row, 2) ==
        std::vector<float>{-0.125f, 0.875f});
  CHECK(affine_test::decoded(*make("bits=4,scale=f32,zero=offset"), row, 2) ==
        std::vector<float>{1.75f, 2.75f});
}

TEST_CASE("affine_rows: codes one by one and all at once are the same", "[affine][layout]") {
  const int bits = GENERATE(range(2, 9));
  const std::int64_t cols = GENERATE(1, 7, 8, 29);
  AffineOptions options;
  options.bits = bits;
  options.group = 5;
  const AffineRows rows(options, cols);
  std::vector<std::uint8_t> codes(rows.cols());
  for (std::size_t i = 0; i < codes.size(); ++i)
    codes[i] = static_cast<std::uint8_t>((i * 37 + 11) & static_cast<unsigned>(rows.max_code()));
  std::vector<std::byte> packed(rows.row_bytes()), single(rows.row_bytes(), std::byte{0xFF});
  rows.pack_codes(codes.data(), packed.data());
  for (std::size_t i = 0; i < codes.size(); ++i) rows.set_code(single.data(), i, codes[i]);
  std::vector<std::uint8_t> back(codes.size());
  rows.unpack_codes(single.data(), back.data());
  CHECK(back == codes);
  for (std::size_t i = 0; i < codes.size(); ++i) CHECK(rows.code(packed.data(), i) == codes[i]);
}

TEST_CASE("affine: a spec is read as it is written", "[affine]") {
  const std::string spec = GENERATE("affine:bits=4,group=128", "affine:bits=8,group=-1,symmetric=true",
                                    "affine:bits=2,group=64,zero=float,scale=bf16",
                                    "affine:bits=3,group=16,scale=f32,act_order=true");
  CHECK(affine_spec(parse_affine_spec(spec)) == spec);
  CHECK(affine_test::from_spec(spec)->info().spec == spec);
  CHECK(affine_spec(parse_affine_spec("affine")) == "affine:bits=4,group=128");
  CHECK(is_affine_spec(spec));
  CHECK_FALSE(is_affine_spec("affine2"));
}

TEST_CASE("affine: options that contradict each other or are none are refused", "[affine]") {
  CHECK_THROWS_WITH(parse_affine_spec("affine:group=0"),
                    Contains("'group' of affine must be -1 or at least 1"));
  CHECK_THROWS_WITH(parse_affine_spec("affine:symmetric=true,zero=float"), Contains("stores no zeros"));
  CHECK_THROWS_AS(parse_affine_spec("affine:bits=9"), ConfigError);
  CHECK_THROWS_AS(parse_affine_spec("affine:groups=9"), ConfigError);
}
