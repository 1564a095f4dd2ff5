// gguf_legacy against ggml itself.
#include "golden_checks.hpp"

#include <gguf_legacy/encoding.hpp>

using namespace pq::gguf;
using codec_test::GoldenType;

namespace {

constexpr GoldenType kTypes[] = {
    {"q4_0", make_q4_0, 0x76dc29ec0d451268, 0.01668797532590158, 0.009944059882836668},
    {"q4_1", make_q4_1, 0x53f001e48f272662, 0.00447890406115824, 0.0055109364259410785},
    {"q5_0", make_q5_0, 0x760fc90c291746c3, 0.007934608108597299, 0.00499461349048802},
    {"q5_1", make_q5_1, 0x81bac76e11f83fec, 0.002209994069174831, 0.0024930503325991606},
    {"q8_0", make_q8_0, 0x2c0a7596cca09db1, 0.0010102103922889302, 0.0009233938563917634, false},
};

}  // namespace

TEST_CASE("gguf_legacy: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_legacy][golden]") {
  codec_test::check_blocks(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))),
                           GENERATE(as<std::string>(), "plain", "imat"));
}

TEST_CASE("gguf_legacy: random blocks decode bit for bit as in ggml", "[gguf_legacy][golden]") {
  codec_test::check_random_blocks(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))));
}

TEST_CASE("gguf_legacy: the error is at most ggml's at every effort", "[gguf_legacy][golden]") {
  codec_test::check_errors(GENERATE_REF(from_range(std::begin(kTypes), std::end(kTypes))),
                           GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best));
}
