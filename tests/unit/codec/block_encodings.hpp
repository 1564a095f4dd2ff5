// The encodings of gguf_iq, gguf_ternary and microscaling, and what their tests share.
#pragma once

#include "support.hpp"

#include <gguf_iq/encoding.hpp>
#include <gguf_ternary/encoding.hpp>
#include <microscaling/encoding.hpp>

namespace codec_test {

using Maker = std::unique_ptr<pq::Encoding> (*)();
inline constexpr Maker kBlockMakers[] = {
    pq::gguf_iq::make_iq1_s,      pq::gguf_iq::make_iq1_m,      pq::gguf_iq::make_iq2_xxs,
    pq::gguf_iq::make_iq2_xs,     pq::gguf_iq::make_iq2_s,      pq::gguf_iq::make_iq3_xxs,
    pq::gguf_iq::make_iq3_s,      pq::gguf_iq::make_iq4_nl,     pq::gguf_iq::make_iq4_xs,
    pq::gguf_ternary::make_tq1_0, pq::gguf_ternary::make_tq2_0, pq::microscaling::make_mxfp4,
    pq::microscaling::make_nvfp4};

inline std::vector<std::byte> encode(const pq::Encoding& encoding, const std::vector<float>& weights,
                                     std::size_t cols, const std::vector<float>& importance = {},
                                     pq::Effort effort = pq::Effort::normal) {
  std::vector<std::byte> bytes(encoding.row_bytes(static_cast<std::int64_t>(cols)) * (weights.size() / cols));
  encoding.encoder({static_cast<std::int64_t>(cols), importance, effort})
      ->encode(matrix(weights, cols), bytes);
  return bytes;
}
inline std::vector<float> decode(const pq::Encoding& encoding, const std::vector<std::byte>& bytes,
                                 std::size_t cols) {
  std::vector<float> values(bytes.size() / encoding.row_bytes(static_cast<std::int64_t>(cols)) * cols);
  encoding.decode(bytes, matrix(values, cols));
  return values;
}

}  // namespace codec_test
