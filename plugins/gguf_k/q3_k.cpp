#include "q3_k.hpp"

#include "encoding.hpp"
#include "make_encoding.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "gguf_k/q3_k.cpp"
#include <hwy/foreach_target.h>
#include "scale_encode-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace pq::gguf::HWY_NAMESPACE {

void encode_q3_k(const SuperCall& call) { encode_scale_super<Q3_K>(call); }
void decode_q3_k(const std::byte* from, std::size_t count, float* out) {
  decode_super<Q3_K>(from, count, out);
}

}  // namespace pq::gguf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace pq::gguf {
HWY_EXPORT(encode_q3_k);
HWY_EXPORT(decode_q3_k);

template <>
void encode_super_blocks<Q3_K>(const SuperCall& call) {
  HWY_DYNAMIC_DISPATCH(encode_q3_k)(call);
}
template <>
void decode_super_blocks<Q3_K>(const std::byte* from, std::size_t count, float* out) {
  HWY_DYNAMIC_DISPATCH(decode_q3_k)(from, count, out);
}
std::unique_ptr<Encoding> make_q3_k() { return std::make_unique<SuperEncoding<Q3_K>>(); }

}  // namespace pq::gguf
#endif
