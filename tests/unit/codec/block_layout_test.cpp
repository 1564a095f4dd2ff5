// Bytes worked out by hand from the layouts (llama.cpp ggml-common.h and ggml-quants.c).
#include "block_encodings.hpp"

#include <gguf_iq/iq4_layouts.hpp>
#include <gguf_iq/layouts.hpp>
#include <gguf_ternary/layouts.hpp>
#include <gguf_ternary/low_bits.hpp>
#include <microscaling/layouts.hpp>

#include <cmath>

using namespace pq::gguf_iq;
using namespace pq::gguf_ternary;
using namespace pq::microscaling;

namespace {

template <class Block>
std::vector<float> decoded(codec_test::Maker make, const Block& block) {
  std::vector<std::byte> bytes(sizeof(Block));
  std::memcpy(bytes.data(), &block, sizeof(Block));
  const auto encoding = make();
  return codec_test::decode(*encoding, bytes, static_cast<std::size_t>(encoding->info().block_cols));
}

}  // namespace

TEST_CASE("iq2_xxs: four indices, 4 x 7 signs and the scale", "[gguf_iq][layout]") {
  Iq2Xxs::Block block{};
  block.d = 0x3C00;                          // 1
  block.groups[0][0] = 1;                    // levels 43, 8, 8, ... of the first piece
  const std::uint32_t word = 3u << 28 | 5u;  // scale (0.5 + 3) / 4; weights 0 and 2 negative
  std::memcpy(block.groups[0] + 4, &word, 4);
  const auto w = decoded(make_iq2_xxs, block);
  CHECK(w[0] == -37.625f);
  CHECK(w[1] == 7.0f);
  CHECK(w[2] == -7.0f);
  CHECK(w[7] == 7.0f);
  CHECK(w[32] == 1.0f);  // index 0, scale 0: 8 / 8
}

TEST_CASE("iq2_xs: the eighth sign makes the number of minus signs even", "[gguf_iq][layout]") {
  Iq2Xs::Block block{};
  block.d = 0x3C00;
  block.codes[0] = 1 | 1 << 9;  // entry 1 ends in 0x2b: 43 first; weight 0 negative, so weight 7 as well
  block.scales[0] = 0x10;       // weights 0..15: 0, 16..31: 1
  const auto w = decoded(make_iq2_xs, block);
  CHECK(w[0] == -5.375f);
  CHECK(w[1] == 1.0f);
  CHECK(w[7] == -1.0f);
  CHECK(w[16] == 3.0f);
}

TEST_CASE("iq2_s: signs are free, two more index bits in high", "[gguf_iq][layout]") {
  Iq2S::Block block{};
  block.d = 0x3C00;
  block.signs[1] = 0x01;
  block.high[0] = 0x0C;  // index 3 * 256 of the second piece
  block.codes[1] = 0xFF;
  const auto w = decoded(make_iq2_s, block);
  CHECK(w[0] == 1.0f);
  CHECK(w[8] == -5.375f);  // entry 1023 is 43 eighths everywhere
  CHECK(w[9] == 5.375f);
}

TEST_CASE("iq3_xxs: two indices for a piece", "[gguf_iq][layout]") {
  Iq3Xxs::Block block{};
  block.d = 0x3C00;
  block.codes[1] = 1;                        // entry 1 is 0x04040414: 20 first
  const std::uint32_t word = 1u << 28 | 3u;  // scale (0.5 + 1) / 2; weights 0 and 1 negative
  std::memcpy(block.signs_scale[0], &word, 4);
  const auto w = decoded(make_iq3_xxs, block);
  CHECK(w[0] == -3.0f);  // -4 * 0.75
  CHECK(w[1] == -3.0f);
  CHECK(w[4] == 15.0f);  // 20 * 0.75
  CHECK(w[5] == 3.0f);
}

TEST_CASE("iq3_s: ninth index bits, scale 1 + 2 s", "[gguf_iq][layout]") {
  Iq3S::Block block{};
  block.d = 0x3800;  // 0.5
  block.scales[0] = 0x02;
  block.high[0] = 0x02;  // second half of the first piece
  block.signs[0] = 0x80;
  const auto w = decoded(make_iq3_s, block);
  CHECK(w[0] == 2.5f);   // 0.5 * 5 * 1
  CHECK(w[4] == 17.5f);  // entry 256 is 0x05090507
  CHECK(w[7] == -12.5f);
}

TEST_CASE("iq1_s: three index bits a piece, scale and shift in one word", "[gguf_iq][layout]") {
  Iq1S::Block block{};
  block.d = 0x3C00;
  block.high[0] = 0x8000 | 2 << 12;  // shifted down, scale 5
  block.high[1] = 0x0007;            // first piece of the second group: index 7 * 256 + 255
  block.codes[4] = 0xFF;
  const auto w = decoded(make_iq1_s, block);
  CHECK(w[0] == -5.625f);  // 5 * (-1 - 0.125): entry 0 is -1 everywhere
  CHECK(w[32] == 1.125f);  // entry 2047 is +1 everywhere
  CHECK(w[64] == -0.875f);
}

TEST_CASE("iq1_m: the super-scale is spread over four words", "[gguf_iq][layout]") {
  Iq1M::Block block{};
  block.scales[3] = 0x3000;
  block.scales[2] = 0xC000;                              // f16 0x3C00
  block.scales[0] = static_cast<std::uint16_t>(1 << 3);  // weights 16..31: scale 3
  block.high[1] = 0x08;                                  // third piece: shifted down
  const auto w = decoded(make_iq1_m, block);
  CHECK(w[0] == -0.875f);
  CHECK(w[16] == -3.375f);
  CHECK(w[24] == -2.625f);
  CHECK(w[32] == -0.875f);
}

TEST_CASE("iq4_nl: nibbles pick from 16 uneven levels", "[gguf_iq][layout]") {
  Iq4Nl::Block block{};
  block.d = 0x3800;
  block.codes[3] = 0xF0;
  const auto w = decoded(make_iq4_nl, block);
  CHECK(w[3] == -63.5f);
  CHECK(w[19] == 56.5f);
}

TEST_CASE("iq4_xs: six bits of scale, less 32", "[gguf_iq][layout]") {
  Iq4Xs::Block block{};
  block.d = 0x3C00;
  block.scales_low[0] = 0x10;  // group 1: low nibble 1
  block.scales_high = 0x0008;  // group 1: high bits 2
  block.codes[16] = 0x08;      // level 1
  const auto w = decoded(make_iq4_xs, block);
  CHECK(w[0] == 32.0f * 127.0f);  // group 0: scale -32, level -127
  CHECK(w[32] == 1.0f);           // scale 33 - 32
}

TEST_CASE("tq2_0: weight i is in bits 2 (i % 128 / 32) of byte i % 32", "[gguf_ternary][layout]") {
  Tq20::Block block{};
  block.d = 0x3800;
  block.codes[1] = 0x84;   // weight 33: 1, weight 97: 2
  block.codes[32] = 0x02;  // weight 128
  const auto w = decoded(make_tq2_0, block);
  CHECK(w[1] == -0.5f);
  CHECK(w[33] == 0.0f);
  CHECK(w[97] == 0.5f);
  CHECK(w[128] == 0.5f);
}

TEST_CASE("q1_0: bit i % 8 of byte i / 8 says whether weight i is d or -d", "[gguf_ternary][layout]") {
  Q10::Block block{};
  block.d = 0x3800;
  block.codes[0] = 0x02;   // weight 1
  block.codes[15] = 0x80;  // weight 127
  const auto w = decoded(make_q1_0, block);
  CHECK(w[0] == -0.5f);
  CHECK(w[1] == 0.5f);
  CHECK(w[126] == -0.5f);
  CHECK(w[127] == 0.5f);
}

TEST_CASE("q2_0: weight i is in bits 2 (i % 4) of byte i / 4, levels -1 0 1 2", "[gguf_ternary][layout]") {
  Q20::Block block{};
  block.d = 0xB800;        // -0.5
  block.codes[0] = 0xE4;   // codes 0 1 2 3
  block.codes[15] = 0x40;  // weight 63: code 1
  const auto w = decoded(make_q2_0, block);
  CHECK(w[0] == 0.5f);
  CHECK(w[1] == 0.0f);
  CHECK(w[2] == -0.5f);
  CHECK(w[3] == -1.0f);
  CHECK(w[62] == 0.5f);
  CHECK(w[63] == 0.0f);
}

TEST_CASE("tq1_0: digits 2 0 1 1 2 make the byte 186", "[gguf_ternary][layout]") {
  Tq10::Block block{};
  block.d = 0x3C00;
  block.codes[2] = 186;
  const auto w = decoded(make_tq1_0, block);
  CHECK(w[2] == 1.0f);
  CHECK(w[34] == -1.0f);
  CHECK(w[66] == 0.0f);
  CHECK(w[98] == 0.0f);
  CHECK(w[130] == 1.0f);
}

TEST_CASE("tq1_0: every byte value is read as ggml's formula says, every digit can be set",
          "[gguf_ternary][exhaustive]") {
  std::size_t wrong = 0;
  for (int v = 0; v < 243; ++v) {
    const auto byte = static_cast<std::uint8_t>((v * 256 + 242) / 243);
    int rest = v;
    for (int place = 4; place >= 0; --place, rest /= 3) wrong += Trits::get(byte, place) != rest % 3;
    for (int place = 0; place < 5; ++place) {
      const std::uint8_t changed = Trits::set(byte, place, 2);
      for (int n = 0; n < 5; ++n) wrong += Trits::get(changed, n) != (n == place ? 2 : Trits::get(byte, n));
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("mxfp4: a power of two times a 4-bit float", "[microscaling][layout]") {
  Mxfp4::Block block{};
  block.e = 127;          // 1
  block.codes[0] = 0x97;  // 6 and -0.5
  block.codes[1] = 0x8F;  // -6, and code 8: +0
  const auto w = decoded(make_mxfp4, block);
  CHECK(w[0] == 6.0f);
  CHECK(w[16] == -0.5f);
  CHECK(w[1] == -6.0f);
  CHECK_FALSE(std::signbit(w[17]));
  block.e = 254;
  CHECK(std::isinf(decoded(make_mxfp4, block)[0]));
}

TEST_CASE("nvfp4: an 8-bit float for each 16 weights", "[microscaling][layout]") {
  Nvfp4::Block block{};
  block.scales[1] = 0x38;  // 1
  block.scales[2] = 0x7F;  // no NaN: 0
  block.scales[3] = 0x01;  // 2^-9
  block.codes[8] = 0x27;
  block.codes[16] = 0x07;
  block.codes[24] = 0x02;
  const auto w = decoded(make_nvfp4, block);
  CHECK(w[16] == 6.0f);
  CHECK(w[24] == 1.0f);
  CHECK(w[32] == 0.0f);
  CHECK(w[48] == 0x1p-9f);
}

TEST_CASE("block encodings: sizes of blocks are those of llama.cpp", "[gguf_iq][layout]") {
  const auto bytes = [](codec_test::Maker make) { return make()->row_bytes(256); };
  CHECK(bytes(make_iq1_s) == 50);
  CHECK(bytes(make_iq1_m) == 56);
  CHECK(bytes(make_iq2_xxs) == 66);
  CHECK(bytes(make_iq2_xs) == 74);
  CHECK(bytes(make_iq2_s) == 82);
  CHECK(bytes(make_iq3_xxs) == 98);
  CHECK(bytes(make_iq3_s) == 110);
  CHECK(bytes(make_iq4_nl) == 8 * 18);
  CHECK(bytes(make_iq4_xs) == 136);
  CHECK(bytes(make_tq1_0) == 54);
  CHECK(bytes(make_tq2_0) == 66);
  CHECK(bytes(make_q1_0) == 2 * 18);
  CHECK(bytes(make_q2_0) == 4 * 18);
  CHECK(bytes(make_mxfp4) == 8 * 17);
  CHECK(bytes(make_nvfp4) == 4 * 36);
}

TEMPLATE_TEST_CASE("gguf_iq: what is written into a block is read back, and nothing else changes",
                   "[gguf_iq][layout]", Iq1S, Iq1M, Iq2Xxs, Iq2Xs, Iq2S, Iq3Xxs, Iq3S) {
  constexpr bool kShift = TestType::kGrid == GridId::iq1s;
  const auto points = static_cast<unsigned>(grid_points(TestType::kGrid).size());
  typename TestType::Block block{};
  const auto piece = [&](unsigned p) {
    Piece result{static_cast<std::uint16_t>((p * 977 + 31) % points), 0, 0, false};
    if (grid_elements(TestType::kGrid) == 4)
      result.second = static_cast<std::uint16_t>((p * 613 + points - 1) % points);
    if (!kShift) result.signs = static_cast<std::uint8_t>(p * 37 + 5);
    if (TestType::kEvenSigns) result.signs = pq::gguf_iq::detail::with_parity(result.signs & 127u);
    if (kShift) result.shifted_down = (TestType::kGroup == 32 ? p / 4 : p) % 3 == 0;
    return result;
  };
  TestType::set_super_scale(block, 0.375f);
  for (unsigned p = 0; p < 32; ++p) TestType::set_piece(block, static_cast<int>(p), piece(p));
  for (int g = 0; g < 256 / TestType::kGroup; ++g)
    TestType::set_scale(block, g, (g * 5 + 3) % TestType::kScaleCodes);
  CHECK(TestType::super_scale(block) == 0.375f);
  for (unsigned p = 0; p < 32; ++p) {
    INFO("piece " << p);
    const Piece found = TestType::piece(block, static_cast<int>(p)), expected = piece(p);
    CHECK(found.first == expected.first);
    CHECK(found.second == expected.second);
    CHECK(found.signs == expected.signs);
    CHECK(found.shifted_down == expected.shifted_down);
  }
  for (int g = 0; g < 256 / TestType::kGroup; ++g)
    CHECK(TestType::scale(block, g) == (g * 5 + 3) % TestType::kScaleCodes);
}
