#include "forward/activation_rounding.hpp"

#include "calibration/support.hpp"

#include <catch2/catch.hpp>

#include <vector>

namespace pq {
namespace {

std::vector<float> rounded(ActivationRounding rounding, std::vector<float> row) {
  round_activations(rounding, row);
  return row;
}

}  // namespace

TEST_CASE("activation rounding: none changes nothing", "[forward]") {
  CHECK(rounded(ActivationRounding::none, {0.1f, -3.3f}) == std::vector<float>{0.1f, -3.3f});
}

TEST_CASE("activation rounding: f16 keeps 11 bits, bf16 keeps 8", "[forward]") {
  CHECK(rounded(ActivationRounding::f16, {1.0f + 0x1p-11f, 1.0f + 0x3p-11f}) ==
        std::vector<float>{1.0f, 1.0f + 0x2p-10f});
  CHECK(rounded(ActivationRounding::bf16, {1.0f + 0x1p-8f, 1.0f + 0x3p-8f}) ==
        std::vector<float>{1.0f, 1.0f + 0x2p-7f});
}

TEST_CASE("activation rounding: codes of q8_0 are nearest, ties to even, by the largest magnitude of 32",
          "[forward]") {
  std::vector<float> row(64, 0.0f), wanted(64, 0.0f);
  row[0] = -127.0f, row[1] = 1.5f, row[2] = 2.5f, row[3] = -0.6f;
  wanted[0] = -127.0f, wanted[1] = 2.0f, wanted[2] = 2.0f, wanted[3] = -1.0f;
  row[32] = 254.0f, row[33] = 3.0f, row[34] = 1.0f;  // another block: steps of 2
  wanted[32] = 254.0f, wanted[33] = 4.0f, wanted[34] = 0.0f;
  CHECK(rounded(ActivationRounding::q8_0, row) == wanted);
}

TEST_CASE("activation rounding: the scale of q8_0 is an f16 number", "[forward]") {
  // 1/127 lies between 0x1.02p-7 and 0x1.024p-7 and is nearer to the first.
  CHECK(rounded(ActivationRounding::q8_0, {1.0f}) == std::vector<float>{127 * 0x1.02p-7f});
}

TEST_CASE("activation rounding: of 256 numbers q8_k gives the largest magnitude the code -127", "[forward]") {
  std::vector<float> row(512, 0.0f), wanted(512, 0.0f);
  row[0] = 254.0f, row[1] = 1.0f, row[2] = 3.0f, row[255] = -5.0f;
  wanted[0] = 254.0f, wanted[1] = 0.0f, wanted[2] = 4.0f, wanted[255] = -4.0f;
  row[256] = -127.0f, row[300] = 126.6f;
  wanted[256] = -127.0f, wanted[300] = 127.0f;
  CHECK(rounded(ActivationRounding::q8_k, row) == wanted);
}

TEST_CASE("activation rounding: zeros stay zeros, and the last block may be short", "[forward]") {
  for (const auto rounding : {ActivationRounding::q8_0, ActivationRounding::q8_k}) {
    CHECK(rounded(rounding, std::vector<float>(300, 0.0f)) == std::vector<float>(300, 0.0f));
    CHECK(rounded(rounding, std::vector<float>(257, 127.0f)).back() == 127.0f);
  }
}

TEST_CASE("activation rounding: encodings say how activations are rounded", "[forward]") {
  const auto of = [](const char* spec) {
    return test::registry().encoding(Node::scalar(spec))->info().activations;
  };
  CHECK(of("f32") == ActivationRounding::none);
  CHECK(of("f16") == ActivationRounding::f16);
  CHECK(of("bf16") == ActivationRounding::bf16);
  for (const char* spec :
       {"q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "iq4_nl", "mxfp4", "nvfp4", "q1_0", "q2_0"})
    CHECK(of(spec) == ActivationRounding::q8_0);
  for (const char* spec : {"q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq1_s", "iq1_m", "iq2_xxs", "iq2_xs",
                           "iq2_s", "iq3_xxs", "iq3_s", "iq4_xs", "tq1_0", "tq2_0"})
    CHECK(of(spec) == ActivationRounding::q8_k);
  CHECK(of("fp8_e4m3") == ActivationRounding::none);
}

}  // namespace pq
