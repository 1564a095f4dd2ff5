// The floating-point encodings as objects.
#pragma once

#include <polyquant/encoding.hpp>

#include <memory>

namespace pq::floating {

std::unique_ptr<Encoding> make_f32();
std::unique_ptr<Encoding> make_f64();
std::unique_ptr<Encoding> make_f16();
std::unique_ptr<Encoding> make_bf16();
std::unique_ptr<Encoding> make_e4m3();
std::unique_ptr<Encoding> make_e5m2();

}  // namespace pq::floating
