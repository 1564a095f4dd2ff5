// The floating-point formats: how one number is stored. All bytes are little-endian.
#pragma once

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/half.hpp>
#include <polyquant/codec/minifloat.hpp>

#include <cstddef>
#include <cstdint>

namespace pq::floating {

/// IEEE binary32: the weights themselves, all bit patterns kept.
struct F32 {
  using Stored = float;
  static constexpr int kMantissaBits = 23;
  static Stored encode(float value) noexcept { return value; }
  static float decode(Stored stored) noexcept { return stored; }
};

/// IEEE binary64. Reading rounds to f32, to nearest even; writing is exact.
struct F64 {
  using Stored = double;
  static constexpr int kMantissaBits = 52;
  static Stored encode(float value) noexcept { return static_cast<double>(value); }
  static float decode(Stored stored) noexcept { return static_cast<float>(stored); }
};

/// IEEE binary16, to nearest even; 65520 and above become infinity as IEEE demands. NaN: sign | 0x7E00.
struct F16 {
  using Stored = std::uint16_t;
  static constexpr int kMantissaBits = 10;
  static Stored encode(float value) noexcept { return f16_from(value); }
  static float decode(Stored stored) noexcept { return f16_to(stored); }
};

/// The upper half of binary32, to nearest even. NaN keeps its upper bits and becomes quiet.
struct Bf16 {
  using Stored = std::uint16_t;
  static constexpr int kMantissaBits = 7;
  static Stored encode(float value) noexcept { return bf16_from(value); }
  static float decode(Stored stored) noexcept { return bf16_to(stored); }
};

/// OCP E4M3 (E4M3FN): largest number 448, no infinity; too large numbers and infinities become +-448, NaN stays NaN (0x7F, 0xFF).
struct E4m3 {
  using Stored = std::uint8_t;
  static constexpr int kMantissaBits = 3;
  static Stored encode(float value) noexcept { return static_cast<Stored>(Fp8E4m3::encode(value)); }
  static float decode(Stored stored) noexcept { return Fp8E4m3::decode(stored); }
};

/// OCP E5M2: largest number 57344; too large numbers and infinities become +-57344 (infinities are read, never written); NaN stays NaN.
struct E5m2 {
  using Stored = std::uint8_t;
  static constexpr int kMantissaBits = 2;
  static Stored encode(float value) noexcept { return static_cast<Stored>(Fp8E5m2::encode(value)); }
  static float decode(Stored stored) noexcept { return Fp8E5m2::decode(stored); }
};

/// The definition of a conversion: one number after the other.
template <class Format>
void encode_reference(const float* from, std::size_t count, std::byte* to) noexcept {
  for (std::size_t i = 0; i < count; ++i)
    store(to + i * sizeof(typename Format::Stored), Format::encode(from[i]));
}

template <class Format>
void decode_reference(const std::byte* from, std::size_t count, float* to) noexcept {
  using Stored = typename Format::Stored;
  for (std::size_t i = 0; i < count; ++i) to[i] = Format::decode(load<Stored>(from + i * sizeof(Stored)));
}

}  // namespace pq::floating
