// The plain 32-weight encodings as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf {

std::unique_ptr<Encoding> make_q4_0();
std::unique_ptr<Encoding> make_q4_1();
std::unique_ptr<Encoding> make_q5_0();
std::unique_ptr<Encoding> make_q5_1();
std::unique_ptr<Encoding> make_q8_0();

}  // namespace pq::gguf
