#include "k_types.hpp"

#include <gguf_k/q2_k.hpp>
#include <gguf_k/q3_k.hpp>
#include <gguf_k/q4_k.hpp>
#include <gguf_k/q5_k.hpp>
#include <gguf_k/q6_k.hpp>

using namespace pq::gguf;

namespace {

template <class Codec>
std::vector<float> decoded(const typename Codec::Block& block) {
  std::vector<float> values(kSuperWeights);
  decode_super_blocks_reference<Codec>(reinterpret_cast<const std::byte*>(&block), 1, values.data());
  return values;
}

}  // namespace

TEST_CASE("q6_k: low nibbles, high bit pairs, signed scales", "[gguf_k][layout]") {
  Q6_K::Block block{};
  block.d = 0x3800;  // 0.5
  for (auto& scale : block.scales) scale = 2;
  block.scales[2] = -3;  // weights 32..47
  block.ql[0] = 0x5A;    // weight 0: low 10, weight 64: low 5
  block.ql[32] = 0xC1;   // weight 32: low 1, weight 96: low 12
  block.qh[0] = 0xE4;    // high bits 0, 1, 2, 3 of weights 0, 32, 64, 96
  block.ql[64 + 31] = 0x0F;
  block.qh[32 + 31] = 0x03;  // weight 128 + 31
  const auto w = decoded<Q6_K>(block);
  CHECK(w[0] == 10 - 32);
  CHECK(w[32] == -1.5f * (1 + 16 - 32));
  CHECK(w[64] == 5 + 32 - 32);
  CHECK(w[96] == 12 + 48 - 32);
  CHECK(w[128 + 31] == 63 - 32);
  CHECK(w[1] == -32);
}

TEST_CASE("q2_k: scales in nibbles, four weights in a byte 32 apart", "[gguf_k][layout]") {
  Q2_K::Block block{};
  block.d = 0x3C00;                               // 1
  block.dmin = 0x3800;                            // 0.5
  for (auto& scale : block.scales) scale = 0x21;  // scale 1, minimum 2
  block.scales[3] = 0x4F;                         // weights 48..63: scale 15, minimum 4
  block.codes[16] = 0xE4;                         // codes 0, 1, 2, 3 of weights 16, 48, 80, 112
  block.codes[32 + 5] = 0x03;                     // weight 128 + 5
  const auto w = decoded<Q2_K>(block);
  CHECK(w[16] == -1.0f);
  CHECK(w[48] == 15.0f * 1 - 2.0f);
  CHECK(w[80] == 2.0f - 1.0f);
  CHECK(w[112] == 3.0f - 1.0f);
  CHECK(w[133] == 3.0f - 1.0f);
}

TEST_CASE("q3_k: a set high bit means no subtraction, scales are split", "[gguf_k][layout]") {
  Q3_K::Block block{};
  block.d = 0x3C00;        // 1
  block.scales[0] = 0xB4;  // low bits of groups 0 (4) and 8 (11)
  block.scales[8] = 0xD9;  // high bits of groups 0 (1), 4 (2), 8 (1), 12 (3)
  block.low[0] = 0x02;     // weight 0: low bits 2
  block.high[0] = 0x01;    // weight 0
  block.low[32] = 0x01;    // weight 128: low bits 1, high bit clear
  const auto w = decoded<Q3_K>(block);
  CHECK(w[0] == (20 - 32) * 2);
  CHECK(w[1] == (20 - 32) * -4);
  CHECK(w[128] == (27 - 32) * -3);
  CHECK(w[16] == -32 * -4);
}

TEST_CASE("q4_k: nibbles of two groups in 32 bytes, six-bit scales and minima", "[gguf_k][layout]") {
  Q4_K::Block block{};
  block.d = 0x3C00;        // 1
  block.dmin = 0x3C00;     // 1
  block.scales[0] = 0xC5;  // scale 5 of group 0, high bits 3 of scale 4
  block.scales[4] = 0x8A;  // minimum 10 of group 0, high bits 2 of minimum 4
  block.scales[8] = 0x7E;  // low bits: scale 4 is 14, minimum 4 is 7
  block.codes[3] = 0x0F;   // weight 3 of group 0
  block.codes[64] = 0x01;  // weight 0 of group 4
  const auto w = decoded<Q4_K>(block);
  CHECK(w[3] == 5.0f * 15 - 10);
  CHECK(w[0] == -10.0f);
  CHECK(w[128] == 62.0f * 1 - 39);
  CHECK(w[32] == 0.0f);  // group 1: high nibbles, scale and minimum 0
}

TEST_CASE("q5_k: bit k of a high byte belongs to group k", "[gguf_k][layout]") {
  Q5_K::Block block{};
  block.d = 0x3C00;        // 1
  block.dmin = 0x3C00;     // 1
  block.scales[0] = 0x01;  // scale of group 0
  block.scales[1] = 0x02;  // scale of group 1
  block.low[7] = 0xA3;     // weight 7 of group 0: 3, of group 1: 10
  block.high[7] = 0x02;    // group 1
  const auto w = decoded<Q5_K>(block);
  CHECK(w[7] == 3.0f);
  CHECK(w[39] == 2.0f * 26);
}

TEMPLATE_TEST_CASE("gguf_k: every code with every scale and minimum decodes to the formula",
                   "[gguf_k][layout]", Q2_K, Q3_K, Q4_K, Q5_K, Q6_K) {
  using Codec = TestType;
  constexpr int kCodes = Codec::kMaxCode - Codec::kMinCode + 1;
  std::size_t wrong = 0;
  for (int scale = Codec::kMinScale; scale <= Codec::kMaxScale; ++scale) {
    for (int min = 0; min <= Codec::kMaxMin; ++min) {
      SuperBlock block;
      block.d = 0.25f;
      block.dmin = Codec::kHasOffset ? 0.5f : 0.0f;
      for (std::size_t g = 0; g < group_count<Codec>(); ++g) {
        block.scales[g] = static_cast<std::int16_t>(scale);
        block.mins[g] = static_cast<std::int16_t>(min);
      }
      for (std::size_t i = 0; i < kSuperWeights; ++i)
        block.codes[i] = static_cast<std::int8_t>(static_cast<int>(i) % kCodes + Codec::kMinCode);
      typename Codec::Block packed;
      Codec::pack(block, packed);
      std::vector<float> values(kSuperWeights);
      decode_super_blocks<Codec>(reinterpret_cast<const std::byte*>(&packed), 1, values.data());
      for (std::size_t i = 0; i < kSuperWeights; ++i)
        wrong +=
            values[i] != 0.25f * static_cast<float>(scale * block.codes[i]) - 0.5f * static_cast<float>(min);
    }
  }
  CHECK(wrong == 0);
}

TEMPLATE_TEST_CASE("gguf_k: packing is the inverse of unpacking for any bytes", "[gguf_k][layout]", Q2_K,
                   Q3_K, Q4_K, Q5_K, Q6_K) {
  using Block = typename TestType::Block;
  const auto bytes = codec_test::golden<std::byte>(std::string(TestType::kId) + ".rand.bin");
  std::size_t differing = 0;
  for (std::size_t b = 0; b < bytes.size() / sizeof(Block); ++b) {
    const auto block = pq::load<Block>(bytes.data() + b * sizeof(Block));
    SuperBlock parts;
    TestType::unpack(block, parts);
    Block again;
    TestType::pack(parts, again);
    differing += std::memcmp(&block, &again, sizeof(block)) != 0;
  }
  CHECK(differing == 0);
}
