// The K types under test, and helpers.
#pragma once

#include "support.hpp"

#include <gguf_k/encoding.hpp>

#include <memory>

namespace codec_test {

struct KType {
  const char* id;
  std::unique_ptr<pq::Encoding> (*make)();
  std::uint64_t random_blocks;  // FNV-1a of the values that ggml decodes from ID.rand.bin
  double plain_rmse;            // of ggml's encoder on input.f32
  double weighted_rmse;         // with importance
};
inline constexpr KType kKTypes[] = {
    {"q2_k", pq::gguf::make_q2_k, 0xd320a761a38cfc20, 0.035921930157800284, 0.022268667509079895},
    {"q3_k", pq::gguf::make_q3_k, 0xb36749c5c1956f87, 0.02930839410448589, 0.01692721620496632},
    {"q4_k", pq::gguf::make_q4_k, 0x2013b5d937c9568e, 0.00810856958315849, 0.0055892232629997695},
    {"q5_k", pq::gguf::make_q5_k, 0x1a155d4b9c23326c, 0.004170253116676572, 0.0027467410064012407},
    {"q6_k", pq::gguf::make_q6_k, 0x625ca2ab694c4c19, 0.0034841034354526033, 0.002301181439962765},
};

inline std::vector<std::byte> encode_rows(const pq::Encoding& encoding, const std::vector<float>& weights,
                                          std::size_t cols, const std::vector<float>& importance = {},
                                          pq::Effort effort = pq::Effort::normal) {
  std::vector<std::byte> bytes(encoding.row_bytes(static_cast<std::int64_t>(cols)) * (weights.size() / cols));
  encoding.encoder({static_cast<std::int64_t>(cols), importance, effort})
      ->encode(matrix(weights, cols), bytes);
  return bytes;
}

inline std::vector<float> decode_rows(const pq::Encoding& encoding, const std::vector<std::byte>& bytes,
                                      std::size_t cols) {
  std::vector<float> values(bytes.size() / encoding.row_bytes(static_cast<std::int64_t>(cols)) * cols);
  encoding.decode(bytes, matrix(values, cols));
  return values;
}

}  // namespace codec_test
