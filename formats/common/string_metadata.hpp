// Metadata of a model as safetensors files hold it.
#pragma once

#include "common/header.hpp"

#include <polyquant/base/metadata.hpp>

namespace pq::hf {

/// Throws ConfigError for a value that is no string.
StringPairs string_metadata(const Metadata& metadata);

}  // namespace pq::hf
