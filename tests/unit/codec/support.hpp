// Data and helpers of the codec tests.
#pragma once

#include "golden_dir.hpp"

#include <catch2/catch.hpp>

#include <polyquant/base/matrix.hpp>
#include <polyquant/encoding.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace codec_test {

/// A file of tests/golden/gguf as numbers of type T.
template <class T>
std::vector<T> golden(const std::string& name) {
  std::ifstream file(pq_test::golden_dir() / "gguf" / name, std::ios::binary);
  REQUIRE(file.is_open());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

/// Hash of raw bytes (64-bit FNV-1a), to compare long results with a number of tests/golden/README.md.
inline std::uint64_t fnv1a(const void* data, std::size_t size) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3u;
  return hash;
}

enum class Kind {
  gauss,
  heavy_tails,
  sparse,
  constant,
  two_values,
  positive,
  far_from_zero,
  tiny,
  huge,
  zero,
  hostile
};
inline constexpr Kind kKinds[] = {Kind::gauss,      Kind::heavy_tails, Kind::sparse,        Kind::constant,
                                  Kind::two_values, Kind::positive,    Kind::far_from_zero, Kind::tiny,
                                  Kind::huge,       Kind::zero,        Kind::hostile};

/// `count` weights of one kind; the same for every call. mt19937's numbers are fixed by the C++ standard.
inline std::vector<float> weights(Kind kind, std::size_t count) {
  std::mt19937 random(static_cast<unsigned>(kind) + 1);
  const auto uniform = [&] { return (static_cast<float>(random() >> 8) + 0.5f) * 0x1p-24f; };
  const auto gauss = [&] {
    return std::sqrt(-2.0f * std::log(uniform())) * std::cos(6.2831853f * uniform());
  };
  constexpr float kHostile[] = {std::numeric_limits<float>::quiet_NaN(),
                                std::numeric_limits<float>::infinity(),
                                -std::numeric_limits<float>::infinity(),
                                3e38f,
                                -3e38f,
                                1e-45f,
                                -1e-40f,
                                0.0f,
                                -0.0f,
                                1.0f};
  std::vector<float> result(count);
  for (std::size_t i = 0; i < count; ++i) {
    switch (kind) {
      case Kind::gauss:
        result[i] = 0.02f * gauss();
        break;
      case Kind::heavy_tails:
        result[i] = 0.02f * gauss() / (0.1f + uniform());
        break;
      case Kind::sparse:
        result[i] = uniform() < 0.9f ? 0.0f : gauss();
        break;
      case Kind::constant:
        result[i] = i % 64 < 32 ? 0.0375f : -0.011f;
        break;
      case Kind::two_values:
        result[i] = random() & 1 ? 0.37f : -0.37f;
        break;
      case Kind::positive:
        result[i] = 1.0f + 0.1f * gauss();
        break;
      case Kind::far_from_zero:
        result[i] = 100.0f + 0.001f * gauss();
        break;
      case Kind::tiny:
        result[i] = 1e-6f * gauss();
        break;
      case Kind::huge:
        result[i] = 1e6f * gauss();
        break;
      case Kind::zero:
        result[i] = 0.0f;
        break;
      case Kind::hostile:
        result[i] = random() % 4 == 0 ? kHostile[random() % std::size(kHostile)] : gauss();
        break;
    }
  }
  return result;
}

/// Uneven importance with zeros, one value per column.
inline std::vector<float> importance(std::size_t cols) {
  std::mt19937 random(77);
  std::vector<float> result(cols);
  for (float& value : result)
    value = random() % 8 == 0 ? 0.0f : std::exp(4.0f * (static_cast<float>(random() >> 8) * 0x1p-24f - 0.5f));
  for (std::size_t i = 0; i < 32 && i < cols; ++i) result[i] = 0.0f;  // a whole group
  return result;
}

/// sum w (x - y)^2, w empty = ones.
inline double squared_error(const std::vector<float>& x, const std::vector<float>& y,
                            const std::vector<float>& w = {}) {
  double sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double difference = static_cast<double>(x[i]) - static_cast<double>(y[i]);
    sum += (w.empty() ? 1.0 : static_cast<double>(w[i % w.size()])) * difference * difference;
  }
  return sum;
}

inline pq::ConstMatrix matrix(const std::vector<float>& values, std::size_t cols) {
  return {values.data(), static_cast<std::int64_t>(values.size() / cols), static_cast<std::int64_t>(cols),
          static_cast<std::int64_t>(cols)};
}
inline pq::Matrix matrix(std::vector<float>& values, std::size_t cols) {
  return {values.data(), static_cast<std::int64_t>(values.size() / cols), static_cast<std::int64_t>(cols),
          static_cast<std::int64_t>(cols)};
}

using Maker = std::unique_ptr<pq::Encoding> (*)();

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
