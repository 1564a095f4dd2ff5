// The format `bitsandbytes`.
#pragma once

#include <polyquant/format.hpp>
#include <polyquant/options.hpp>

#include <memory>

namespace pq::bnb {

inline constexpr const char* kSummary =
    "Hugging Face folder for transformers with bitsandbytes: NF4, FP4, LLM.int8()";

const OptionTable& bitsandbytes_options();

/// Throws ConfigError for wrong options.
std::unique_ptr<Format> make_bitsandbytes(const Node& options);

}  // namespace pq::bnb
