// Encodings against bytes and errors of ggml itself (provenance: tests/golden/README.md); the same for all that ggml has.
#pragma once

#include "support.hpp"
#include "targets.hpp"

#include <cmath>
#include <string>

namespace codec_test {

/// What is known about one of ggml's types.
struct GoldenType {
  const char* id;
  Maker make;
  std::uint64_t random_blocks;  // FNV-1a of the values that ggml decodes from ID.rand.bin
  double plain_rmse;            // of ggml's encoder on input.f32; 0: it refuses to work without importance
  double weighted_rmse;         // with importance, or plain bytes weighted where ggml ignores it
  bool takes_importance = true;
};

inline constexpr std::size_t kGoldenCols = 512;

/// The blocks of ggml's encoder, "plain" or "imat", decode bit for bit as ggml decodes them.
inline void check_blocks(const GoldenType& type, const std::string& kind) {
  if (kind == "plain" ? type.plain_rmse == 0 : !type.takes_importance) return;  // ggml has no such blocks
  INFO(type.id << " " << kind);
  const auto encoding = type.make();
  const std::string name = std::string(type.id) + "." + kind;
  const auto expected = golden<std::uint32_t>(name + ".deq.f32");
  for_each_target([&] {
    const auto values = decode(*encoding, golden<std::byte>(name + ".bin"), kGoldenCols);
    REQUIRE(values.size() == expected.size());
    CHECK(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
  });
}

/// Random blocks decode bit for bit as ggml decodes them.
inline void check_random_blocks(const GoldenType& type) {
  INFO(type.id);
  const auto encoding = type.make();
  const auto blocks = golden<std::byte>(std::string(type.id) + ".rand.bin");
  const auto head = golden<std::uint32_t>(std::string(type.id) + ".rand.head.f32");
  for_each_target([&] {
    const auto values = decode(*encoding, blocks, kGoldenCols);
    REQUIRE(values.size() >= head.size());
    CHECK(std::memcmp(values.data(), head.data(), head.size() * sizeof(float)) == 0);
    CHECK(fnv1a(values.data(), values.size() * sizeof(float)) == type.random_blocks);
  });
}

/// The error on input.f32 is at most that of ggml's encoder.
inline void check_errors(const GoldenType& type, pq::Effort effort) {
  INFO(type.id << ", effort " << static_cast<int>(effort));
  const auto encoding = type.make();
  const auto input = golden<float>("input.f32"), importance = golden<float>("imatrix.f32");
  const auto error = [&](const std::vector<float>& w) {
    double total = w.empty() ? double{kGoldenCols} : 0.0;
    for (const float value : w) total += static_cast<double>(value);
    const auto bytes = encode(*encoding, input, kGoldenCols, w, effort);
    const double rows = static_cast<double>(input.size() / kGoldenCols);
    return std::sqrt(squared_error(input, decode(*encoding, bytes, kGoldenCols), w) / (rows * total));
  };
  if (type.plain_rmse > 0) CHECK(error({}) <= type.plain_rmse);
  CHECK(error(importance) <= type.weighted_rmse);
}

}  // namespace codec_test
