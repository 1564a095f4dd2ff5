// The largest number of multiplications and additions that this processor can do.
#pragma once

namespace bench {

/// Runs `rounds` of twelve independent fused multiply-adds of whole vectors; returns how many numbers were multiplied and added. `result`
/// keeps them from being left out.
double multiply_add_f32(long rounds, float& result);
double multiply_add_f64(long rounds, float& result);

}  // namespace bench
