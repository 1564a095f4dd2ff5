// 8-bit floats with scales, as checkpoints of DeepSeek-V3 and its kind hold them.
#pragma once

#include <polyquant/encoding.hpp>
#include <polyquant/options.hpp>

#include <memory>

namespace pq::fp8 {

/// The options of `fp8_block`.
const OptionTable& fp8_block_options();

/// Throws ConfigError for wrong options.
std::unique_ptr<Encoding> make_fp8_block(const Node& options);

}  // namespace pq::fp8
