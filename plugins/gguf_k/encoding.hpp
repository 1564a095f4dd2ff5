// The K types as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf {

std::unique_ptr<Encoding> make_q2_k();
std::unique_ptr<Encoding> make_q3_k();
std::unique_ptr<Encoding> make_q4_k();
std::unique_ptr<Encoding> make_q5_k();
std::unique_ptr<Encoding> make_q6_k();

}  // namespace pq::gguf
