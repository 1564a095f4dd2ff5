// The encodings of gguf_iq, gguf_ternary and microscaling, and what their tests share.
#pragma once

#include "support.hpp"

#include <gguf_iq/encoding.hpp>
#include <gguf_ternary/encoding.hpp>
#include <microscaling/encoding.hpp>

namespace codec_test {

inline constexpr Maker kBlockMakers[] = {
    pq::gguf_iq::make_iq1_s,      pq::gguf_iq::make_iq1_m,      pq::gguf_iq::make_iq2_xxs,
    pq::gguf_iq::make_iq2_xs,     pq::gguf_iq::make_iq2_s,      pq::gguf_iq::make_iq3_xxs,
    pq::gguf_iq::make_iq3_s,      pq::gguf_iq::make_iq4_nl,     pq::gguf_iq::make_iq4_xs,
    pq::gguf_ternary::make_tq1_0, pq::gguf_ternary::make_tq2_0, pq::gguf_ternary::make_q1_0,
    pq::gguf_ternary::make_q2_0,  pq::microscaling::make_mxfp4, pq::microscaling::make_nvfp4};

}  // namespace codec_test
