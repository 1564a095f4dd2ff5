// Whether a model can be a GGUF file.
#pragma once

#include "types.hpp"

#include <polyquant/base/shape.hpp>
#include <polyquant/format.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace pq::gguf {

/// Why rows of this encoding and shape cannot be stored, or nothing.
std::optional<std::string> refusal(std::string_view encoding, const Shape& shape);

/// Throws ConfigError for names, shapes and keys that llama.cpp would not read.
void check_output(const OutputModel& model);

}  // namespace pq::gguf
