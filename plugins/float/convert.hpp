// Conversion of many numbers, chosen at run time for the machine's instruction set. All give the results of formats.hpp.
#pragma once

#include "formats.hpp"

namespace pq::floating {

template <class Format>
void encode_numbers(const float* from, std::size_t count, std::byte* to);
template <class Format>
void decode_numbers(const std::byte* from, std::size_t count, float* to);

template <>
void encode_numbers<F32>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<F32>(const std::byte* from, std::size_t count, float* to);
template <>
void encode_numbers<F64>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<F64>(const std::byte* from, std::size_t count, float* to);
template <>
void encode_numbers<F16>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<F16>(const std::byte* from, std::size_t count, float* to);
template <>
void encode_numbers<Bf16>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<Bf16>(const std::byte* from, std::size_t count, float* to);
template <>
void encode_numbers<E4m3>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<E4m3>(const std::byte* from, std::size_t count, float* to);
template <>
void encode_numbers<E5m2>(const float* from, std::size_t count, std::byte* to);
template <>
void decode_numbers<E5m2>(const std::byte* from, std::size_t count, float* to);

}  // namespace pq::floating
