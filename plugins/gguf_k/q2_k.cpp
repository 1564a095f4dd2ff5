#include "q2_k.hpp"

#include "encoding.hpp"
#include "make_encoding.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_k/q2_k.cpp"
#include <hwy/foreach_target.h>
#include "offset_encode-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

void encode_q2_k(const SuperCall& call) { encode_offset_super<Q2_K>(call); }
void decode_q2_k(const std::byte* from, std::size_t count, float* out) {
  decode_super<Q2_K>(from, count, out);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_q2_k);
HWY_EXPORT(decode_q2_k);

template <>
void encode_super_blocks<Q2_K>(const SuperCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q2_k)(call);
}
template <>
void decode_super_blocks<Q2_K>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q2_k)(from, count, out);
}
std::unique_ptr<Encoding> make_q2_k() { return std::make_unique<SuperEncoding<Q2_K>>(); }

}  // namespace pq::gguf
#endif
