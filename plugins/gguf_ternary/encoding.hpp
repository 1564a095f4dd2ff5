// The ternary encodings as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf_ternary {

std::unique_ptr<Encoding> make_tq1_0();
std::unique_ptr<Encoding> make_tq2_0();

}  // namespace pq::gguf_ternary
