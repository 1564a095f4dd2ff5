// The microscaling encodings as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::microscaling {

std::unique_ptr<Encoding> make_mxfp4();
std::unique_ptr<Encoding> make_nvfp4();

}  // namespace pq::microscaling
