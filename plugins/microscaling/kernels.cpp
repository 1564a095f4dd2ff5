#include "kernels.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/codec/rounding.hpp>

#include <array>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "microscaling/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Plain loops only: compiled once per instruction set, they need no other code to be fast.
HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

constexpr std::size_t kLongest = 32;

/// Weights of a group; returns the largest magnitude.
float load_group(const float* from, std::size_t count, float* x) {
  std::array<float, 16> largest{};
  for (std::size_t i = 0; i < count; i += 16) {
    for (std::size_t l = 0; l < 16; ++l) {
      const float value = from[i + l];
      const float number = value == value ? value : 0.0f;
      const float low = number < kLargestPeak ? number : kLargestPeak;
      const float finite = low > -kLargestPeak ? low : -kLargestPeak;
      const float magnitude = finite < 0.0f ? -finite : finite;
      x[i + l] = finite;
      largest[l] = largest[l] > magnitude ? largest[l] : magnitude;
    }
  }
  float most = 0;
  for (const float lane : largest) most = std::max(most, lane);
  return most;
}

/// sum w (|x| / scale - fp4)^2; times the scale squared it is the error of the decoded values.
float scaled_error(const float* x, const float* w, std::size_t count, float inverse) {
  std::array<float, 16> sums{};
  for (std::size_t i = 0; i < count; i += 16) {
    for (std::size_t l = 0; l < 16; ++l) {
      const float scaled = x[i + l] * inverse;
      const float m = scaled < 0.0f ? -scaled : scaled;
      float q = m > 0.25f ? 0.5f : 0.0f;
      q += m > 0.75f ? 0.5f : 0.0f;
      q += m > 1.25f ? 0.5f : 0.0f;
      q += m > 1.75f ? 0.5f : 0.0f;
      q += m > 2.5f ? 1.0f : 0.0f;
      q += m > 3.5f ? 1.0f : 0.0f;
      q += m > 5.0f ? 2.0f : 0.0f;
      const float difference = m - q;
      sums[l] += w[i + l] * (difference * difference);
    }
  }
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t l = 0; l < width; ++l) sums[l] += sums[l + width];
  return sums[0];
}

void choose_codes(const float* x, std::size_t count, float inverse, std::uint8_t* codes) {
  for (std::size_t i = 0; i < count; ++i) {
    const float scaled = x[i] * inverse;
    const float m = scaled < 0.0f ? -scaled : scaled;
    int code = 0;
    for (const float border : kFp4Borders) code += m > border ? 1 : 0;
    codes[i] = static_cast<std::uint8_t>(code + (code != 0 && scaled < 0.0f ? 8 : 0));
  }
}

/// The best of the codes first..last, `rule` first.
template <class Scale>
int best_code(const float* x, const float* w, std::size_t count, int rule, int first, int last, Scale scale) {
  int best = rule;
  double best_error = -1.0;
  const auto consider = [&](int code) {
    const double s = scale(code);
    const double error = s * s * static_cast<double>(scaled_error(x, w, count, static_cast<float>(1.0 / s)));
    if (best_error < 0.0 || error < best_error) {
      best_error = error;
      best = code;
    }
  };
  consider(rule);
  for (int code = first; code <= last; ++code)
    if (code != rule) consider(code);
  return best;
}

void encode_block(const float* from, const float* w, Effort effort, Mxfp4::Block& block) {
  alignas(64) float x[kLongest];
  alignas(64) std::uint8_t codes[kLongest];
  const float largest = load_group(from, 32, x);
  const int rule = mxfp4_rule(largest);
  const ScaleWindow window = mxfp4_window(effort);
  const auto scale = [](int e) {
    return 2.0 * static_cast<double>(Mxfp4::half_scale(static_cast<std::uint8_t>(e)));
  };
  const int e =
      best_code(x, w, 32, rule, std::max(rule + window.first, 0), std::min(rule + window.last, 254), scale);
  block.e = static_cast<std::uint8_t>(e);
  choose_codes(x, 32, static_cast<float>(1.0 / scale(e)), codes);
  for (std::size_t j = 0; j < 16; ++j)
    block.codes[j] = static_cast<std::uint8_t>(codes[j] | codes[j + 16] << 4);
}

void encode_block(const float* from, const float* w, Effort effort, Nvfp4::Block& block) {
  alignas(64) float x[kLongest];
  alignas(64) std::uint8_t codes[kLongest];
  const ScaleWindow window = nvfp4_window(effort);
  const auto scale = [](int code) {
    return 2.0 * static_cast<double>(Nvfp4::half_scale(static_cast<std::uint8_t>(code)));
  };
  for (std::size_t s = 0; s < 4; ++s) {
    const float largest = load_group(from + 16 * s, 16, x);
    const int rule = std::max(nvfp4_rule(largest), 1);
    const int code = best_code(x, w + 16 * s, 16, rule, std::max(rule + window.first, 1),
                               std::min(rule + window.last, kLargestUe4m3), scale);
    choose_codes(x, 16, static_cast<float>(1.0 / scale(code)), codes);
    std::uint8_t used = 0;
    for (std::size_t j = 0; j < 8; ++j) {
      block.codes[8 * s + j] = static_cast<std::uint8_t>(codes[j] | codes[j + 8] << 4);
      used |= block.codes[8 * s + j];
    }
    block.scales[s] = static_cast<std::uint8_t>(used == 0 ? 0 : code);
  }
}

template <class Type>
void encode(const Fp4Call& call) {
  std::byte* to = call.out;
  for (std::int64_t r = 0; r < call.rows.rows; ++r) {
    for (std::int64_t c = 0; c < call.rows.cols; c += Type::kWeights, to += sizeof(typename Type::Block)) {
      typename Type::Block block;
      encode_block(call.rows.data + r * call.rows.stride + c, call.importance + c, call.effort, block);
      store(to, block);
    }
  }
}

/// 2 * `count` weights of `count` bytes: low nibbles, then high ones. A nibble is decoded by arithmetic rather than from a table:
/// twice a magnitude is 0 1 2 3 4 6 8 12.
template <std::size_t kCount>
void decode_group(const std::uint8_t* codes, float half_scale, float* out) {
  for (std::size_t part = 0; part < 2; ++part) {
    for (std::size_t j = 0; j < kCount; ++j) {
      const std::int32_t code = codes[j] >> 4 * part & 15, m = code & 7;
      std::int32_t twice = m + (m > 4 ? m - 4 : 0) + (m == 7 ? 2 : 0);
      twice = code > 7 ? -twice : twice;
      out[kCount * part + j] = static_cast<float>(twice) * half_scale;
    }
  }
}
void decode_block(const Mxfp4::Block& block, float* out) {
  decode_group<16>(block.codes, Mxfp4::half_scale(block.e), out);
}
void decode_block(const Nvfp4::Block& block, float* out) {
  for (std::size_t s = 0; s < 4; ++s)
    decode_group<8>(block.codes + 8 * s, Nvfp4::half_scale(block.scales[s]), out + 16 * s);
}
template <class Type>
void decode(const std::byte* from, std::size_t count, float* out) {
  using Block = typename Type::Block;
  for (std::size_t b = 0; b < count; ++b, out += Type::kWeights)
    decode_block(load<Block>(from + b * sizeof(Block)), out);
}

void encode_mxfp4(const Fp4Call& call) { encode<Mxfp4>(call); }
void encode_nvfp4(const Fp4Call& call) { encode<Nvfp4>(call); }
void decode_mxfp4(const std::byte* from, std::size_t count, float* out) { decode<Mxfp4>(from, count, out); }
void decode_nvfp4(const std::byte* from, std::size_t count, float* out) { decode<Nvfp4>(from, count, out); }

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_mxfp4);
HWY_EXPORT(encode_nvfp4);
HWY_EXPORT(decode_mxfp4);
HWY_EXPORT(decode_nvfp4);

template <>
void encode_fp4<Mxfp4>(const Fp4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_mxfp4)(call);
}
template <>
void encode_fp4<Nvfp4>(const Fp4Call& call) {
  HWY_DYNAMIC_DISPATCH(encode_nvfp4)(call);
}
template <>
void decode_fp4<Mxfp4>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_mxfp4)(from, count, out);
}
template <>
void decode_fp4<Nvfp4>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_nvfp4)(from, count, out);
}
}  // namespace pq::gguf
#endif
