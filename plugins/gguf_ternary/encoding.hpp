// The ternary encodings and those of one and two bits as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf_ternary {

std::unique_ptr<Encoding> make_tq1_0();
std::unique_ptr<Encoding> make_tq2_0();
std::unique_ptr<Encoding> make_q1_0();
std::unique_ptr<Encoding> make_q2_0();

}  // namespace pq::gguf_ternary
