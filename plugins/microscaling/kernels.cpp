#include "kernels.hpp"

#include "search.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/codec/rounding.hpp>

#include <algorithm>
#include <array>
#include <bit>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "microscaling/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

// Sums are kept in 16 lanes whatever the width of a register (one lane for HWY_SCALAR), so all instruction sets give the same.
HWY_BEFORE_NAMESPACE();
namespace pq::microscaling::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
constexpr std::size_t kLanes = hn::MaxLanes(F32());

constexpr std::size_t kLongest = 32;

/// Weights of a group, finite_weight(); returns the largest magnitude.
float load_group(const float* from, std::size_t count, float* x) {
  const F32 d;
  const auto limit = hn::Set(d, kLargestPeak);
  auto largest = hn::Zero(d);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const auto value = hn::LoadU(d, from + i), number = hn::IfThenElseZero(hn::Eq(value, value), value);
    const auto finite = hn::Min(hn::Max(number, hn::Neg(limit)), limit);
    hn::Store(finite, d, x + i);
    largest = hn::Max(largest, hn::Abs(finite));
  }
  return hn::GetLane(hn::MaxOfLanes(d, largest));
}

/// sum w (|x| / scale - fp4)^2; times the scale squared it is the error of the decoded values.
HWY_INLINE float scaled_error(const float* x, const float* w, std::size_t count, float inverse) {
  const F32 d;
  const auto scale = hn::Set(d, inverse);
  alignas(64) float sums[16];
  for (std::size_t l = 0; l < 16; l += kLanes) {
    auto sum = hn::Zero(d);
    for (std::size_t i = l; i < count; i += 16) {
      const auto m = hn::Abs(hn::Mul(hn::Load(d, x + i), scale));
      const auto step = [&](float border, float height) HWY_ATTR {
        return hn::IfThenElseZero(hn::Gt(m, hn::Set(d, border)), hn::Set(d, height));
      };
      // Sums of halves: exact in any order.
      const auto low = hn::Add(hn::Add(step(0.25f, 0.5f), step(0.75f, 0.5f)),
                               hn::Add(step(1.25f, 0.5f), step(1.75f, 0.5f)));
      const auto high = hn::Add(hn::Add(step(2.5f, 1.0f), step(3.5f, 1.0f)), step(5.0f, 2.0f));
      const auto difference = hn::Sub(m, hn::Add(low, high));
      sum = hn::Add(sum, hn::Mul(hn::LoadU(d, w + i), hn::Mul(difference, difference)));
    }
    hn::Store(sum, d, sums + l);
  }
  for (std::size_t width = 8; width > 0; width /= 2)
    for (std::size_t l = 0; l < width; ++l) sums[l] += sums[l + width];
  return sums[0];
}

void choose_codes(const float* x, std::size_t count, float inverse, std::uint8_t* codes) {
  const F32 d;
  const hn::Rebind<std::int32_t, F32> di;
  const hn::Rebind<std::uint8_t, F32> d8;
  const auto scale = hn::Set(d, inverse), one = hn::Set(d, 1.0f);
  for (std::size_t i = 0; i < count; i += kLanes) {
    const auto scaled = hn::Mul(hn::Load(d, x + i), scale), m = hn::Abs(scaled);
    auto code = hn::Zero(d);
    for (const float border : kFp4Borders)
      code = hn::Add(code, hn::IfThenElseZero(hn::Gt(m, hn::Set(d, border)), one));
    // Code 8 would be read as +0, so there is no negative zero.
    const auto negative = hn::Lt(scaled, hn::Set(d, -kFp4Borders[0]));
    code = hn::Add(code, hn::IfThenElseZero(negative, hn::Set(d, 8.0f)));
    hn::StoreU(hn::DemoteTo(d8, hn::ConvertTo(di, code)), d8, codes + i);
  }
}

/// A scale and its inverse.
struct Step {
  float scale, inverse;
};

/// The best of the codes first..last, `rule` first.
template <class Scale>
HWY_INLINE int best_code(const float* x, const float* w, std::size_t count, int rule, int first, int last,
                         Scale step) {
  int best = rule;
  double best_error = -1.0;
  const auto consider = [&](int code) HWY_ATTR {
    const Step s = step(code);
    const double scale = static_cast<double>(s.scale);  // its square may be outside the range of f32
    const double error = scale * scale * static_cast<double>(scaled_error(x, w, count, s.inverse));
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

/// Of the exponents 0..254: both numbers are finite.
Step mxfp4_step(int e) {
  const auto bits = [](int exponent) {
    return std::bit_cast<float>(static_cast<std::uint32_t>(exponent) << 23);
  };
  return {e == 0 ? 0x1p-127f : bits(e), e == 254 ? 0x1p-127f : bits(254 - e)};
}
void encode_block(const float* from, const float* w, Effort effort, Mxfp4::Block& block) {
  alignas(64) float x[kLongest];
  alignas(64) std::uint8_t codes[kLongest];
  const int rule = mxfp4_rule(load_group(from, 32, x));
  const ScaleWindow window = mxfp4_window(effort);
  const int e = best_code(x, w, 32, rule, std::max(rule + window.first, 0), std::min(rule + window.last, 253),
                          mxfp4_step);
  block.e = static_cast<std::uint8_t>(e);
  choose_codes(x, 32, mxfp4_step(e).inverse, codes);
  for (std::size_t j = 0; j < 16; ++j)
    block.codes[j] = static_cast<std::uint8_t>(codes[j] | codes[j + 16] << 4);
}

Step nvfp4_step(int code) {
  return {kUe4m3.scale[static_cast<std::size_t>(code)], kUe4m3.inverse[static_cast<std::size_t>(code)]};
}
void encode_block(const float* from, const float* w, Effort effort, Nvfp4::Block& block) {
  alignas(64) float x[kLongest];
  alignas(64) std::uint8_t codes[kLongest];
  const ScaleWindow window = nvfp4_window(effort);
  for (std::size_t s = 0; s < 4; ++s) {
    const int rule = std::max(nvfp4_rule(load_group(from + 16 * s, 16, x)), 1);
    const int code = best_code(x, w + 16 * s, 16, rule, std::max(rule + window.first, 1),
                               std::min(rule + window.last, kLargestUe4m3), nvfp4_step);
    choose_codes(x, 16, nvfp4_step(code).inverse, codes);
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

}  // namespace pq::microscaling::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::microscaling {
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
}  // namespace pq::microscaling
#endif
