// gguf_iq, gguf_ternary and microscaling against ggml itself.
#include "block_encodings.hpp"
#include "golden_checks.hpp"

using namespace pq::gguf_iq;
using namespace pq::gguf_ternary;
using namespace pq::microscaling;
using codec_test::GoldenType;

namespace {

constexpr GoldenType kTypes[] = {
    {"iq1_s", make_iq1_s, 0x34859c9034d50e54, 0, 0.13399568202771256},
    {"iq1_m", make_iq1_m, 0x6640668b5c7c6a82, 0.14496957241420094, 0.12292339174278662},
    {"iq2_xxs", make_iq2_xxs, 0xa6bb283eb18c248b, 0, 0.07616199402025207},
    {"iq2_xs", make_iq2_xs, 0x8169d66d5159ac21, 0, 0.03990781830508899},
    {"iq2_s", make_iq2_s, 0x02a1b849e5ff3311, 0.04850836543519982, 0.03610509297228661},
    {"iq3_xxs", make_iq3_xxs, 0xbf68e5b2a4d2f3a5, 0.04909734025065429, 0.029357548411981814},
    {"iq3_s", make_iq3_s, 0x75206bc6eae888ea, 0.0812695102475431, 0.050652976571752134},
    {"iq4_nl", make_iq4_nl, 0xfbf6698b9acf9346, 0.019781192008639596, 0.013487160825876782},
    {"iq4_xs", make_iq4_xs, 0xc429f6effb34bd8b, 0.020055705076885217, 0.015089959731563424},
    {"tq1_0", make_tq1_0, 0xf9da83ac0cbd60dc, 0.11579057616421332, 0.09021056807778963, false},
    {"tq2_0", make_tq2_0, 0x5bfe4c83f94a36f8, 0.11579057616421332, 0.09021056807778963, false},
    {"q1_0", make_q1_0, 0x4cf13c31050a3fa5, 0.053001262233566965, 0.04363257008515036, false},
    {"q2_0", make_q2_0, 0x644362dc5909f914, 0.10215971172752603, 0.07602199797829713, false},
    {"mxfp4", make_mxfp4, 0xffaba817ed51412a, 0.03193993558566348, 0.033630688109410466, false},
    {"nvfp4", make_nvfp4, 0x66dad5e550bff0f3, 0.045246701646925604, 0.040944737425494364, false},
};

}  // namespace

TEST_CASE("block encodings: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_iq][golden]") {
  codec_test::check_blocks(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))),
                           GENERATE(as<std::string>(), "plain", "imat"));
}

TEST_CASE("block encodings: random blocks decode bit for bit as in ggml", "[gguf_iq][golden]") {
  codec_test::check_random_blocks(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))));
}

TEST_CASE("block encodings: the error is at most ggml's at every effort", "[gguf_iq][golden]") {
  codec_test::check_errors(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))),
                           GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best));
}
