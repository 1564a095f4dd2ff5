#include "q5_k.hpp"

#include "encoding.hpp"
#include "make_encoding.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_k/q5_k.cpp"
#include <hwy/foreach_target.h>
#include "offset_encode-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

void encode_q5_k(const SuperCall& call) { encode_offset_super<Q5_K>(call); }
void decode_q5_k(const std::byte* from, std::size_t count, float* out) {
  decode_super<Q5_K>(from, count, out);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_q5_k);
HWY_EXPORT(decode_q5_k);

template <>
void encode_super_blocks<Q5_K>(const SuperCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q5_k)(call);
}
template <>
void decode_super_blocks<Q5_K>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q5_k)(from, count, out);
}
std::unique_ptr<Encoding> make_q5_k() { return std::make_unique<SuperEncoding<Q5_K>>(); }

}  // namespace pq::gguf
#endif
