// Floating-point formats of at most 16 bits, as their standards define them: the reference that SIMD code is tested against.
#pragma once

#include <bit>
#include <cstdint>

namespace pq {

/// How a format uses its largest exponent.
enum class Specials {
  ieee,      // infinity and NaN, as f16 and fp8_e5m2
  nan_only,  // one NaN pattern per sign (all bits set), the rest are numbers: OCP fp8_e4m3
};

/// Sign, kExponentBits, kMantissaBits; the usual bias 2^(e-1) - 1.
template <int kExponentBits, int kMantissaBits, Specials kSpecials>
struct MiniFloat {
  static constexpr int kBits = 1 + kExponentBits + kMantissaBits;
  static constexpr int kBias = (1 << (kExponentBits - 1)) - 1;
  static constexpr std::uint32_t kSign = 1u << (kBits - 1);
  static constexpr std::uint32_t kNan =
      kSpecials == Specials::ieee ? (((2u << kExponentBits) - 1) << (kMantissaBits - 1)) : kSign - 1;
  static constexpr std::uint32_t kMaxFinite =
      kSpecials == Specials::ieee ? (((1u << kExponentBits) - 1) << kMantissaBits) - 1 : kSign - 2;

  /// Exact for every pattern; NaN gives a quiet NaN with its sign.
  static float decode(std::uint32_t bits) noexcept {
    const std::uint32_t sign = (bits & kSign) << (32 - kBits);
    const std::uint32_t magnitude = bits & (kSign - 1);
    const std::uint32_t exponent = magnitude >> kMantissaBits;
    const std::uint32_t mantissa = magnitude & ((1u << kMantissaBits) - 1);
    if (kSpecials == Specials::nan_only && magnitude == kSign - 1)
      return std::bit_cast<float>(sign | 0x7FC00000u);
    if (kSpecials == Specials::ieee && exponent == (1u << kExponentBits) - 1)
      return std::bit_cast<float>(sign | 0x7F800000u | (mantissa != 0 ? 0x400000u : 0u));
    const float value = exponent == 0 ? static_cast<float>(mantissa) * power_of_two(1 - kBias - kMantissaBits)
                                      : static_cast<float>(mantissa | 1u << kMantissaBits) *
                                            power_of_two(static_cast<int>(exponent) - kBias - kMantissaBits);
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(value));
  }

  /// To nearest, ties to even. Numbers that are too large, and infinities, become the largest finite number (the OCP standard's
  /// saturating mode); every NaN becomes the format's quiet NaN with its sign.
  static std::uint32_t encode(float value) noexcept {
    const std::uint32_t bits = std::bit_cast<std::uint32_t>(value);
    const std::uint32_t sign = (bits >> (32 - kBits)) & kSign;
    const std::uint32_t magnitude = bits & 0x7FFFFFFFu;
    if (magnitude > 0x7F800000u) return sign | kNan;
    std::uint32_t result = 0;
    if (magnitude < static_cast<std::uint32_t>(128 - kBias) << 23) {
      // Subnormal: adding this power of two puts the value's last kept bit at the last mantissa bit, so the addition rounds to even.
      const float magic = power_of_two(1 - kBias - kMantissaBits + 23);
      result = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + magic) -
               std::bit_cast<std::uint32_t>(magic);
    } else {
      constexpr int kShift = 23 - kMantissaBits;
      const std::uint32_t rounded = magnitude + ((1u << (kShift - 1)) - 1) + ((magnitude >> kShift) & 1u);
      result = (rounded >> kShift) - (static_cast<std::uint32_t>(127 - kBias) << kMantissaBits);
    }
    return sign | (result > kMaxFinite ? kMaxFinite : result);
  }

 private:
  static constexpr float power_of_two(int exponent) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(exponent + 127) << 23);
  }
};

using Fp8E4m3 = MiniFloat<4, 3, Specials::nan_only>;  // OCP 8-bit floating point: +-448, no infinity
using Fp8E5m2 = MiniFloat<5, 2, Specials::ieee>;      // +-57344

}  // namespace pq
