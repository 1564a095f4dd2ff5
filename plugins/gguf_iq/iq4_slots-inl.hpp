// 16 groups side by side on their way through an encoder. Include after hwy/foreach_target.h.

// clang-format off
#if defined(PQ_GGUF_IQ4_SLOTS_INL_HPP) == defined(HWY_TARGET_TOGGLE)
#ifdef PQ_GGUF_IQ4_SLOTS_INL_HPP
#undef PQ_GGUF_IQ4_SLOTS_INL_HPP
#else
#define PQ_GGUF_IQ4_SLOTS_INL_HPP
#endif
// clang-format on

#include "iq4_kernels-inl.hpp"

#include <cmath>

HWY_BEFORE_NAMESPACE();
namespace pq::gguf_iq::HWY_NAMESPACE {

struct Slots {
  alignas(64) float x[kGroupSize * kSlots];
  alignas(64) float w[kGroupSize * kSlots];
  alignas(64) std::uint8_t codes[kGroupSize * kSlots];
  alignas(64) float peak
      [kSlots];  // the weight of largest magnitude; of two that differ in sign only, the positive one
  alignas(64) float squares[kSlots];         // sum w x^2
  alignas(64) float total[kSlots];           // sum w
  alignas(64) float weight_squares[kSlots];  // sum w^2
  bool one_sided[kSlots];                    // no weights of both signs

  void load(const float* const* weights, const float* const* importance) {
    load_slots(weights, x);
    load_slots(importance, w);
    alignas(64) float low[kSlots] = {}, high[kSlots] = {};
    for (std::size_t k = 0; k < kSlots; ++k) squares[k] = total[k] = weight_squares[k] = 0.0f;
    for (std::size_t i = 0; i < kGroupSize * kSlots; i += kSlots) {
      for (std::size_t k = 0; k < kSlots;
           ++k) {  // finite_weight(), in a form that compilers make SIMD code of
        const float value = x[i + k], number = value == value ? value : 0.0f;
        const float lower = number < kLargestPeak ? number : kLargestPeak;
        const float finite = lower > -kLargestPeak ? lower : -kLargestPeak;
        x[i + k] = finite;
        low[k] = low[k] < finite ? low[k] : finite;
        high[k] = high[k] > finite ? high[k] : finite;
        squares[k] += (w[i + k] * finite) * finite;
        total[k] += w[i + k];
        weight_squares[k] += w[i + k] * w[i + k];
      }
    }
    for (std::size_t k = 0; k < kSlots; ++k) {
      const float most = -low[k] > high[k] ? low[k] : high[k];
      peak[k] = std::abs(most) < kSmallestPeak ? 0.0f : most;
      one_sided[k] = peak[k] != 0.0f && (low[k] == 0.0f || high[k] == 0.0f);
    }
  }
};

}  // namespace pq::gguf_iq::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
