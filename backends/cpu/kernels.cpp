#include "kernels.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>
// After foreach_target.h, as each target has its own.
#include <hwy/contrib/math/math-inl.h>

HWY_BEFORE_NAMESPACE();
namespace pq::cpu::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V set(float value) { return hn::Set(D(), value); }

/// Calls body(vector of lanes, number of lanes that count, place) along an array.
template <class Body>
HWY_INLINE void for_vectors(std::size_t count, Body body) {
  const std::size_t lanes = hn::Lanes(D());
  std::size_t at = 0;
  for (; at + lanes <= count; at += lanes) body(at, lanes);
  if (at < count) body(at, count - at);
}

HWY_INLINE V load(const float* x, std::size_t at, std::size_t lanes) {
  return lanes == hn::Lanes(D()) ? hn::LoadU(D(), x + at)
                                 : hn::MaskedLoad(hn::FirstN(D(), lanes), D(), x + at);
}

HWY_INLINE void store(V value, float* x, std::size_t at, std::size_t lanes) {
  if (lanes == hn::Lanes(D()))
    hn::StoreU(value, D(), x + at);
  else
    hn::BlendedStore(value, hn::FirstN(D(), lanes), D(), x + at);
}

HWY_INLINE V only(V value, std::size_t lanes) { return hn::IfThenElseZero(hn::FirstN(D(), lanes), value); }

float largest(const float* x, std::size_t count) {
  V top = set(x[0]);
  for_vectors(count, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
    const V value = load(x, at, lanes);
    top = hn::IfThenElse(hn::FirstN(D(), lanes), hn::Max(top, value), top);
  });
  return hn::GetLane(hn::MaxOfLanes(D(), top));
}

float exponentials(float* x, std::size_t count, float shift) {
  V total = hn::Zero(D());
  for_vectors(count, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
    const V value = hn::Exp(D(), hn::Sub(load(x, at, lanes), set(shift)));
    store(value, x, at, lanes);
    total = hn::Add(total, only(value, lanes));
  });
  return hn::GetLane(hn::SumOfLanes(D(), total));
}

double sum_of_exponentials(const float* x, std::size_t count, float shift) {
  constexpr std::size_t kRun = 1024;  // in f32; the sums of runs are added in f64
  double total = 0;
  for (std::size_t from = 0; from < count; from += kRun) {
    const std::size_t run = count - from < kRun ? count - from : kRun;
    V part = hn::Zero(D());
    for_vectors(run, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
      part = hn::Add(part, only(hn::Exp(D(), hn::Sub(load(x + from, at, lanes), set(shift))), lanes));
    });
    total += static_cast<double>(hn::GetLane(hn::SumOfLanes(D(), part)));
  }
  return total;
}

float sum(const float* x, std::size_t count) {
  V total = hn::Zero(D());
  for_vectors(count, [&](std::size_t at, std::size_t lanes)
                         HWY_ATTR { total = hn::Add(total, only(load(x, at, lanes), lanes)); });
  return hn::GetLane(hn::SumOfLanes(D(), total));
}

float sum_of_squares(const float* x, std::size_t count, float mean) {
  V total = hn::Zero(D());
  for_vectors(count, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
    const V d = only(hn::Sub(load(x, at, lanes), set(mean)), lanes);
    total = hn::MulAdd(d, d, total);
  });
  return hn::GetLane(hn::SumOfLanes(D(), total));
}

void soft_cap(float* x, std::size_t count, float cap) {
  for_vectors(count, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
    store(hn::Mul(set(cap), hn::Tanh(D(), hn::Div(load(x, at, lanes), set(cap)))), x, at, lanes);
  });
}

HWY_INLINE V sigmoid(V x) { return hn::Div(set(1), hn::Add(set(1), hn::Exp(D(), hn::Neg(x)))); }

HWY_INLINE V activated(V x, Activation activation, float sigmoid_scale) {
  switch (activation) {
    case Activation::silu:
      return hn::Mul(x, sigmoid(hn::Mul(set(sigmoid_scale), x)));
    case Activation::gelu_tanh: {
      const V cube = hn::Mul(hn::Mul(x, x), x);
      const V inner = hn::Mul(set(0.79788456080286536f), hn::MulAdd(set(0.044715f), cube, x));
      return hn::Mul(hn::Mul(set(0.5f), x), hn::Add(set(1), hn::Tanh(D(), inner)));
    }
    case Activation::relu:
      return hn::Max(x, hn::Zero(D()));
    case Activation::sigmoid:
      return sigmoid(x);
    case Activation::gelu:
      break;  // Highway has no error function
  }
  return x;
}

void gated(const float* gate, const float* up, std::size_t count, const GluOptions& options, float* out) {
  for_vectors(count, [&](std::size_t at, std::size_t lanes) HWY_ATTR {
    V g = load(gate, at, lanes), u = load(up, at, lanes);
    if (options.limit > 0) {
      g = hn::Min(g, set(options.limit));
      u = hn::Clamp(u, set(-options.limit), set(options.limit));
    }
    store(
        hn::Mul(activated(g, options.activation, options.sigmoid_scale), hn::Add(u, set(options.up_offset))),
        out, at, lanes);
  });
}

void activate(float* x, std::size_t count, Activation activation) {
  for_vectors(count, [&](std::size_t at, std::size_t lanes)
                         HWY_ATTR { store(activated(load(x, at, lanes), activation, 1), x, at, lanes); });
}

}  // namespace pq::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::cpu {

HWY_EXPORT(largest);
HWY_EXPORT(exponentials);
HWY_EXPORT(sum_of_exponentials);
HWY_EXPORT(sum);
HWY_EXPORT(sum_of_squares);
HWY_EXPORT(soft_cap);
HWY_EXPORT(gated);
HWY_EXPORT(activate);

float largest(const float* x, std::size_t count) { return HWY_DYNAMIC_DISPATCH(largest)(x, count); }
float exponentials(float* x, std::size_t count, float shift) {
  return HWY_DYNAMIC_DISPATCH(exponentials)(x, count, shift);
}
double sum_of_exponentials(const float* x, std::size_t count, float shift) {
  return HWY_DYNAMIC_DISPATCH(sum_of_exponentials)(x, count, shift);
}
float sum(const float* x, std::size_t count) { return HWY_DYNAMIC_DISPATCH(sum)(x, count); }
float sum_of_squares(const float* x, std::size_t count, float mean) {
  return HWY_DYNAMIC_DISPATCH(sum_of_squares)(x, count, mean);
}
void soft_cap(float* x, std::size_t count, float cap) { HWY_DYNAMIC_DISPATCH(soft_cap)(x, count, cap); }
void gated(const float* gate, const float* up, std::size_t count, const GluOptions& options, float* out) {
  HWY_DYNAMIC_DISPATCH(gated)(gate, up, count, options, out);
}
void activate(float* x, std::size_t count, Activation activation) {
  HWY_DYNAMIC_DISPATCH(activate)(x, count, activation);
}

}  // namespace pq::cpu
#endif
