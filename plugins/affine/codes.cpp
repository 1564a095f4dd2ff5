#include "affine/kernels.hpp"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "affine/codes.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "affine/unpack-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::affine::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using F32 = hn::CappedTag<float, 16>;
using I32 = hn::Rebind<std::int32_t, F32>;
using U8 = hn::Rebind<std::uint8_t, F32>;
constexpr std::size_t kLanes = hn::MaxLanes(F32());

using VF = hn::Vec<F32>;

/// As finite_weight().
HWY_INLINE VF finite(VF value) {
  const F32 d;
  const VF limit = hn::Set(d, kLargestPeak), number = hn::IfThenElseZero(hn::Eq(value, value), value);
  return hn::Min(hn::Max(number, hn::Neg(limit)), limit);
}

/// Divisor of weights with this scale: infinity for 0.
HWY_INLINE VF divisor_of(VF scale) {
  const F32 d;
  return hn::IfThenElse(hn::Eq(scale, hn::Zero(d)), hn::Set(d, HUGE_VALF), scale);
}

/// code_for() of finite weights.
template <AffineZero kKind>
HWY_INLINE VF codes_for(VF x, VF divisor, VF zero, VF highest) {
  VF code;
  if constexpr (kKind == AffineZero::offset)
    code = hn::Round(hn::Div(hn::Sub(x, zero), divisor));
  else if constexpr (kKind == AffineZero::real)
    code = hn::Round(hn::Add(hn::Div(x, divisor), zero));
  else
    code = hn::Add(hn::Round(hn::Div(x, divisor)), zero);
  return hn::Min(hn::Max(code, hn::Zero(F32())), highest);
}

/// value_of().
template <AffineZero kKind>
HWY_INLINE VF values_for(VF code, VF scale, VF zero) {
  if constexpr (kKind == AffineZero::offset)
    return hn::Add(hn::Mul(scale, code), zero);
  else
    return hn::Mul(scale, hn::Sub(code, zero));
}

HWY_INLINE void store_codes(VF code, std::uint8_t* codes) {
  hn::StoreU(hn::DemoteTo(U8(), hn::ConvertTo(I32(), code)), U8(), codes);
}

/// Codes of as many of the weights as fill vectors; returns how many these are.
template <AffineZero kKind>
std::size_t codes_of(const float* weights, std::size_t count, GroupFit fit, float highest_code,
                     std::uint8_t* codes) {
  const F32 d;
  const VF highest = hn::Set(d, highest_code), zero = hn::Set(d, fit.zero),
           divisor = divisor_of(hn::Set(d, fit.scale));
  const std::size_t whole = count / kLanes * kLanes;
  for (std::size_t i = 0; i < whole; i += kLanes)
    store_codes(codes_for<kKind>(finite(hn::LoadU(d, weights + i)), divisor, zero, highest), codes + i);
  return whole;
}

void choose(const float* weights, std::size_t count, GroupFit fit, const AffineRows& layout,
            std::uint8_t* codes) {
  const AffineZero kind = layout.zero_kind();
  const auto highest = static_cast<float>(layout.max_code());
  std::size_t done = 0;
  if (kind == AffineZero::offset)
    done = codes_of<AffineZero::offset>(weights, count, fit, highest, codes);
  else if (kind == AffineZero::real)
    done = codes_of<AffineZero::real>(weights, count, fit, highest, codes);
  else
    done = codes_of<AffineZero::integer>(weights, count, fit, highest, codes);
  for (std::size_t i = done; i < count; ++i)
    codes[i] = static_cast<std::uint8_t>(code_for(finite_weight(weights[i]), fit, kind, highest));
}

/// value_of() for all the codes.
template <AffineZero kKind>
void values_of(const std::uint8_t* codes, std::size_t count, GroupFit fit, float* out) {
  const F32 d;
  const VF scale = hn::Set(d, fit.scale), zero = hn::Set(d, fit.zero);
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const VF code = hn::ConvertTo(d, hn::PromoteTo(I32(), hn::LoadU(U8(), codes + i)));
    hn::StoreU(values_for<kKind>(code, scale, zero), d, out + i);
  }
  for (; i < count; ++i) out[i] = value_of(static_cast<float>(codes[i]), fit, kKind);
}

void values_of(const AffineRows& layout, const std::uint8_t* codes, std::size_t count, GroupFit fit,
               float* out) {
  if (layout.zero_kind() == AffineZero::offset) return values_of<AffineZero::offset>(codes, count, fit, out);
  return values_of<AffineZero::integer>(codes, count, fit, out);
}

void decode(const AffineRows& layout, const std::byte* row, const std::int32_t* groups, float* out) {
  constexpr std::size_t kChunk = 512;  // codes at once, a multiple of 8
  alignas(64) std::uint8_t codes[kChunk];
  for (std::size_t first = 0; first < layout.cols(); first += kChunk) {
    const std::size_t end = std::min(first + kChunk, layout.cols());
    unpack_some(layout, row, first, end - first, codes);
    for (std::size_t i = first; i < end;) {
      const std::size_t group =
          groups != nullptr ? static_cast<std::size_t>(groups[i]) : i / layout.group_cols();
      const std::size_t next = groups != nullptr ? i + 1 : std::min((group + 1) * layout.group_cols(), end);
      values_of(layout, codes + (i - first), next - i, load_fit(layout, row, group), out + i);
      i = next;
    }
  }
}

/// One column of as many rows as fill vectors.
template <AffineZero kKind>
std::size_t round_vectors(const ColumnCall& call) {
  const F32 d;
  const VF highest = hn::Set(d, static_cast<float>(call.layout->max_code()));
  const std::size_t whole = call.rows / kLanes * kLanes;
  for (std::size_t r = 0; r < whole; r += kLanes) {
    const VF scale = hn::LoadU(d, call.scales + r), zero = hn::LoadU(d, call.zeros + r);
    const VF code =
        codes_for<kKind>(finite(hn::LoadU(d, call.weights + r)), divisor_of(scale), zero, highest);
    store_codes(code, call.codes + r);
    hn::StoreU(values_for<kKind>(code, scale, zero), d, call.values + r);
  }
  return whole;
}

void round_one(const ColumnCall& call) {
  const AffineZero kind = call.layout->zero_kind();
  const auto highest = static_cast<float>(call.layout->max_code());
  std::size_t r = 0;
  if (call.weight_stride == 1 && call.value_stride == 1) {
    if (kind == AffineZero::offset)
      r = round_vectors<AffineZero::offset>(call);
    else if (kind == AffineZero::real)
      r = round_vectors<AffineZero::real>(call);
    else
      r = round_vectors<AffineZero::integer>(call);
  }
  for (; r < call.rows; ++r) {
    const GroupFit fit{call.scales[r], call.zeros[r]};
    const float code = code_for(finite_weight(call.weights[r * call.weight_stride]), fit, kind, highest);
    call.codes[r] = static_cast<std::uint8_t>(code);
    call.values[r * call.value_stride] = value_of(code, fit, kind);
  }
}

}  // namespace pq::affine::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::affine {
HWY_EXPORT(choose);
HWY_EXPORT(decode);
HWY_EXPORT(round_one);
void choose_codes(const float* weights, std::size_t count, GroupFit fit, const AffineRows& layout,
                  std::uint8_t* codes) {
  HWY_DYNAMIC_DISPATCH(choose)(weights, count, fit, layout, codes);
}
void decode_row(const AffineRows& layout, const std::byte* row, const std::int32_t* groups, float* out) {
  HWY_DYNAMIC_DISPATCH(decode)(layout, row, groups, out);
}
void round_column(const ColumnCall& call) { HWY_DYNAMIC_DISPATCH(round_one)(call); }
}  // namespace pq::affine
#endif
