// K types against bytes and errors of ggml itself; provenance in tests/golden/README.md.
#include "k_types.hpp"
#include "targets.hpp"

#include <cmath>

using namespace codec_test;

TEST_CASE("gguf_k: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_k][golden]") {
  const auto& type = GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes)));
  const std::string kind = GENERATE(as<std::string>(), "plain", "imat");
  INFO(type.id << " " << kind);
  const auto encoding = type.make();
  const auto expected = golden<std::uint32_t>(std::string(type.id) + "." + kind + ".deq.f32");
  for_each_target([&] {
    const auto values =
        decode_rows(*encoding, golden<std::byte>(std::string(type.id) + "." + kind + ".bin"), 512);
    REQUIRE(values.size() == expected.size());
    CHECK(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
  });
}

TEST_CASE("gguf_k: random blocks decode bit for bit as in ggml", "[gguf_k][golden]") {
  const auto& type = GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes)));
  INFO(type.id);
  const auto encoding = type.make();
  for_each_target([&] {
    const auto values = decode_rows(*encoding, golden<std::byte>(std::string(type.id) + ".rand.bin"), 512);
    CHECK(fnv1a(values.data(), values.size() * sizeof(float)) == type.random_blocks);
  });
}

TEST_CASE("gguf_k: the error is at most ggml's", "[gguf_k][golden]") {
  const auto& type = GENERATE_REF(from_range(std::begin(kKTypes), std::end(kKTypes)));
  const auto effort = GENERATE(pq::Effort::normal, pq::Effort::best);
  INFO(type.id << ", effort " << static_cast<int>(effort));
  const auto encoding = type.make();
  const auto input = golden<float>("input.f32"), importance = golden<float>("imatrix.f32");

  const auto plain = decode_rows(*encoding, encode_rows(*encoding, input, 512, {}, effort), 512);
  CHECK(std::sqrt(squared_error(input, plain) / 2048) <= type.plain_rmse);

  const auto weighted = decode_rows(*encoding, encode_rows(*encoding, input, 512, importance, effort), 512);
  double total = 0;
  for (const float w : importance) total += static_cast<double>(w);
  CHECK(std::sqrt(squared_error(input, weighted, importance) / (4 * total)) <= type.weighted_rmse);
}
