#include "k_types.hpp"

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

TEST_CASE("q6_k: every code with every scale decodes to their product", "[gguf_k][layout]") {
  std::size_t wrong = 0;
  for (int scale = -128; scale < 128; ++scale) {
    SuperBlock block;
    block.d = 0.25f;
    for (std::size_t g = 0; g < 16; ++g) block.scales[g] = static_cast<std::int16_t>(scale);
    for (std::size_t i = 0; i < kSuperWeights; ++i)
      block.codes[i] = static_cast<std::int8_t>(static_cast<int>(i % 64) - 32);
    Q6_K::Block packed;
    Q6_K::pack(block, packed);
    std::vector<float> values(kSuperWeights);
    decode_super_blocks<Q6_K>(reinterpret_cast<const std::byte*>(&packed), 1, values.data());
    for (std::size_t i = 0; i < kSuperWeights; ++i)
      wrong += values[i] != 0.25f * static_cast<float>(scale * (static_cast<int>(i % 64) - 32));
  }
  CHECK(wrong == 0);
}

TEST_CASE("gguf_k: packing is the inverse of unpacking for any bytes", "[gguf_k][layout]") {
  const auto bytes = codec_test::golden<std::byte>("q6_k.rand.bin");
  for (std::size_t b = 0; b < bytes.size() / sizeof(Q6_K::Block); ++b) {
    const auto block = pq::load<Q6_K::Block>(bytes.data() + b * sizeof(Q6_K::Block));
    SuperBlock parts;
    Q6_K::unpack(block, parts);
    Q6_K::Block again;
    Q6_K::pack(parts, again);
    CHECK(std::memcmp(&block, &again, sizeof(block)) == 0);
  }
}
