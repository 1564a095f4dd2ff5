// The K types as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf {

std::unique_ptr<Encoding> make_q6_k();

}  // namespace pq::gguf
