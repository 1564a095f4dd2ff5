// The codebook encodings as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::gguf_iq {

std::unique_ptr<Encoding> make_iq1_s();
std::unique_ptr<Encoding> make_iq1_m();
std::unique_ptr<Encoding> make_iq2_xxs();
std::unique_ptr<Encoding> make_iq2_xs();
std::unique_ptr<Encoding> make_iq2_s();
std::unique_ptr<Encoding> make_iq3_xxs();
std::unique_ptr<Encoding> make_iq3_s();
std::unique_ptr<Encoding> make_iq4_nl();
std::unique_ptr<Encoding> make_iq4_xs();

}  // namespace pq::gguf_iq
