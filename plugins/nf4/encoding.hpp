// The encodings of bitsandbytes.
#pragma once

#include <polyquant/encoding.hpp>
#include <polyquant/options.hpp>

#include <memory>

namespace pq::nf4 {

inline constexpr const char* kNf4Summary =
    "4 bits, levels at the quantiles of a normal distribution, an f32 scale per block (bitsandbytes, QLoRA)";
inline constexpr const char* kFp4Summary =
    "4 bits, a sign and eight magnitudes, an f32 scale per block (bitsandbytes; not the FP4 of OCP)";
inline constexpr const char* kInt8Summary =
    "8-bit integers with the largest magnitude of each row (bitsandbytes, LLM.int8())";

/// Of nf4 and fp4.
const OptionTable& four_bit_options();

/// Throw ConfigError for wrong options.
std::unique_ptr<Encoding> make_nf4(const Node& options);
std::unique_ptr<Encoding> make_fp4(const Node& options);
std::unique_ptr<Encoding> make_int8(const Node& options);

}  // namespace pq::nf4
