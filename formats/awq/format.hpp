// Folders of AWQ layers.
#pragma once

#include <polyquant/format.hpp>
#include <polyquant/options.hpp>

#include <memory>

namespace pq::hf {

/// Options of an output.
const OptionTable& awq_options();

/// `options`: a map or null; used for outputs that give none of their own. Throws ConfigError for wrong ones.
std::unique_ptr<Format> make_awq_format(const Node& options);

}  // namespace pq::hf
