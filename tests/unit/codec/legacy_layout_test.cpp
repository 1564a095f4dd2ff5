#include "support.hpp"

#include <gguf_legacy/encoding.hpp>
#include <gguf_legacy/reference.hpp>

using namespace pq::gguf;

namespace {

template <class Codec>
std::vector<float> decoded(const typename Codec::Block& block) {
  std::vector<float> values(32);
  pq::decode_block<Codec>(block, values.data());
  return values;
}

}  // namespace

TEST_CASE("q4_0: nibbles of byte j are weights j and j + 16, biased by 8", "[gguf_legacy][layout]") {
  Q4_0::Block block{};
  block.d = 0x3800;  // 0.5
  for (auto& byte : block.codes) byte = 0x88;
  block.codes[0] = 0x3A;  // low nibble first, as ggml-common.h lays q4_0 out
  const auto w = decoded<Q4_0>(block);
  CHECK(w[0] == 1.0f);
  CHECK(w[16] == -2.5f);
  CHECK(w[1] == 0.0f);
}

TEST_CASE("q4_1: a weight is nibble * d + m", "[gguf_legacy][layout]") {
  Q4_1::Block block{};
  block.d = 0x3800;  // 0.5
  block.m = 0xBC00;  // -1
  block.codes[15] = 0xF2;
  const auto w = decoded<Q4_1>(block);
  CHECK(w[0] == -1.0f);
  CHECK(w[15] == 0.0f);
  CHECK(w[31] == 6.5f);
}

TEST_CASE("q5_0: bit i of the high bits belongs to weight i", "[gguf_legacy][layout]") {
  Q5_0::Block block{};
  block.d = 0x3400;  // 0.25
  block.codes[2] = 0xF1;
  block.high_bits[0] = 0x04;  // weight 2; weight 18 stays below
  const auto w = decoded<Q5_0>(block);
  CHECK(w[2] == 0.25f);
  CHECK(w[18] == -0.25f);
  CHECK(w[0] == -4.0f);
}

TEST_CASE("q5_1: five bits and an offset", "[gguf_legacy][layout]") {
  Q5_1::Block block{};
  block.d = 0x3C00;  // 1
  block.m = 0xC000;  // -2
  block.codes[15] = 0xF0;
  block.high_bits[3] = 0x80;  // weight 31
  const auto w = decoded<Q5_1>(block);
  CHECK(w[31] == 29.0f);
  CHECK(w[15] == -2.0f);
}

TEST_CASE("q8_0: codes are signed bytes in order", "[gguf_legacy][layout]") {
  Q8_0::Block block{};
  block.d = 0x3800;
  block.codes[0] = -128;
  block.codes[31] = 127;
  const auto w = decoded<Q8_0>(block);
  CHECK(w[0] == -64.0f);
  CHECK(w[31] == 63.5f);
}

TEMPLATE_TEST_CASE("gguf_legacy: every code at every place is packed and read back",
                   "[gguf_legacy][exhaustive]", Q4_0, Q4_1, Q5_0, Q5_1, Q8_0) {
  std::size_t wrong = 0;
  for (int place = 0; place < 32; ++place) {
    for (int code = TestType::kMinCode; code <= TestType::kMaxCode; ++code) {
      std::int8_t codes[32];
      for (int i = 0; i < 32; ++i) codes[i] = static_cast<std::int8_t>(TestType::kMinCode + (i * 7) % 16);
      codes[place] = static_cast<std::int8_t>(code);
      typename TestType::Block block;
      TestType::pack(1.0f, 0.5f, codes, block);
      for (int i = 0; i < 32; ++i) wrong += TestType::code(block, i) != codes[i];
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("gguf_legacy: sizes of rows are those of llama.cpp", "[gguf_legacy][layout]") {
  CHECK(make_q4_0()->row_bytes(64) == 36);
  CHECK(make_q4_1()->row_bytes(64) == 40);
  CHECK(make_q5_0()->row_bytes(64) == 44);
  CHECK(make_q5_1()->row_bytes(64) == 48);
  CHECK(make_q8_0()->row_bytes(64) == 68);
  CHECK(make_q4_0()->info().bits_per_weight == 4.5);
}
