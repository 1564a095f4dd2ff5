// The K types under test.
#pragma once

#include "golden_checks.hpp"

#include <gguf_k/encoding.hpp>

namespace codec_test {

inline constexpr GoldenType kKTypes[] = {
    {"q2_k", pq::gguf::make_q2_k, 0xd320a761a38cfc20, 0.035921930157800284, 0.022268667509079895},
    {"q3_k", pq::gguf::make_q3_k, 0xb36749c5c1956f87, 0.02930839410448589, 0.01692721620496632},
    {"q4_k", pq::gguf::make_q4_k, 0x2013b5d937c9568e, 0.00810856958315849, 0.0055892232629997695},
    {"q5_k", pq::gguf::make_q5_k, 0x1a155d4b9c23326c, 0.004170253116676572, 0.0027467410064012407},
    {"q6_k", pq::gguf::make_q6_k, 0x625ca2ab694c4c19, 0.0034841034354526033, 0.002301181439962765},
};

}  // namespace codec_test
