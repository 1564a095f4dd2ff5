#include "fma_peak.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "fma_peak.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace bench::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
double multiply_add(long rounds, float& result) {
  const hn::ScalableTag<T> d;
  const auto factor = hn::Set(d, T(0.999)), term = hn::Set(d, T(0.001));
  // Twelve different numbers: equal ones would be computed once.
  const auto start = [&](T value) HWY_ATTR { return hn::Set(d, value); };
  auto a = start(1), b = start(2), c = start(3), e = start(4), f = start(5), g = start(6);
  auto h = start(7), i = start(8), j = start(9), k = start(10), l = start(11), m = start(12);
  for (long round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, factor, term), b = hn::MulAdd(b, factor, term), c = hn::MulAdd(c, factor, term);
    e = hn::MulAdd(e, factor, term), f = hn::MulAdd(f, factor, term), g = hn::MulAdd(g, factor, term);
    h = hn::MulAdd(h, factor, term), i = hn::MulAdd(i, factor, term), j = hn::MulAdd(j, factor, term);
    k = hn::MulAdd(k, factor, term), l = hn::MulAdd(l, factor, term), m = hn::MulAdd(m, factor, term);
  }
  a = hn::Add(hn::Add(hn::Add(a, b), hn::Add(c, e)), hn::Add(hn::Add(f, g), hn::Add(h, i)));
  result = static_cast<float>(hn::GetLane(hn::Add(hn::Add(a, hn::Add(j, k)), hn::Add(l, m))));
  return 12.0 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}
double run_f32(long rounds, float& result) { return multiply_add<float>(rounds, result); }
double run_f64(long rounds, float& result) { return multiply_add<double>(rounds, result); }

}  // namespace bench::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bench {
HWY_EXPORT(run_f32);
HWY_EXPORT(run_f64);
double multiply_add_f32(long rounds, float& result) { return HWY_DYNAMIC_DISPATCH(run_f32)(rounds, result); }
double multiply_add_f64(long rounds, float& result) { return HWY_DYNAMIC_DISPATCH(run_f64)(rounds, result); }
}  // namespace bench
#endif
