// gguf_iq, gguf_ternary and microscaling against bytes and errors of ggml itself; provenance in tests/golden/README.md.
#include "block_encodings.hpp"
#include "targets.hpp"

#include <cmath>

using namespace pq::gguf_iq;
using namespace pq::gguf_ternary;
using namespace pq::microscaling;
using codec_test::decode;
using codec_test::encode;

namespace {

struct Case {
  const char* id;
  codec_test::Maker make;
  std::uint64_t random_blocks;  // FNV-1a of ggml's decoded values
  double plain_rmse;            // of ggml's encoder on input.f32; 0: it refuses to work without importance
  double weighted_rmse;         // with importance, or plain bytes weighted where ggml ignores it
  bool takes_importance;
};
constexpr Case kCases[] = {
    {"iq1_s", make_iq1_s, 0x34859c9034d50e54, 0, 0.13399568202771256, true},
    {"iq1_m", make_iq1_m, 0x6640668b5c7c6a82, 0.14496957241420094, 0.12292339174278662, true},
    {"iq2_xxs", make_iq2_xxs, 0xa6bb283eb18c248b, 0, 0.07616199402025207, true},
    {"iq2_xs", make_iq2_xs, 0x8169d66d5159ac21, 0, 0.03990781830508899, true},
    {"iq2_s", make_iq2_s, 0x02a1b849e5ff3311, 0.04850836543519982, 0.03610509297228661, true},
    {"iq3_xxs", make_iq3_xxs, 0xbf68e5b2a4d2f3a5, 0.04909734025065429, 0.029357548411981814, true},
    {"iq3_s", make_iq3_s, 0x75206bc6eae888ea, 0.0812695102475431, 0.050652976571752134, true},
    {"iq4_nl", make_iq4_nl, 0xfbf6698b9acf9346, 0.019781192008639596, 0.013487160825876782, true},
    {"iq4_xs", make_iq4_xs, 0xc429f6effb34bd8b, 0.020055705076885217, 0.015089959731563424, true},
    {"tq1_0", make_tq1_0, 0xf9da83ac0cbd60dc, 0.11579057616421332, 0.09021056807778963, false},
    {"tq2_0", make_tq2_0, 0x5bfe4c83f94a36f8, 0.11579057616421332, 0.09021056807778963, false},
    {"mxfp4", make_mxfp4, 0xffaba817ed51412a, 0.03193993558566348, 0.033630688109410466, false},
    {"nvfp4", make_nvfp4, 0x66dad5e550bff0f3, 0.045246701646925604, 0.040944737425494364, false},
};

}  // namespace

TEST_CASE("block encodings: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_iq][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  const std::string kind = GENERATE(as<std::string>(), "plain", "imat");
  if (kind == "plain" ? item.plain_rmse == 0 : !item.takes_importance) return;  // ggml has no such blocks
  INFO(item.id << " " << kind);
  const auto encoding = item.make();
  const auto expected = codec_test::golden<std::uint32_t>(std::string(item.id) + "." + kind + ".deq.f32");
  codec_test::for_each_target([&] {
    const auto values =
        decode(*encoding, codec_test::golden<std::byte>(std::string(item.id) + "." + kind + ".bin"), 512);
    REQUIRE(values.size() == expected.size());
    CHECK(std::memcmp(values.data(), expected.data(), values.size() * sizeof(float)) == 0);
  });
}

TEST_CASE("block encodings: random blocks decode bit for bit as in ggml", "[gguf_iq][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  INFO(item.id);
  const auto encoding = item.make();
  const auto head = codec_test::golden<std::uint32_t>(std::string(item.id) + ".rand.head.f32");
  codec_test::for_each_target([&] {
    const auto values =
        decode(*encoding, codec_test::golden<std::byte>(std::string(item.id) + ".rand.bin"), 512);
    CHECK(std::memcmp(values.data(), head.data(), head.size() * sizeof(float)) == 0);
    CHECK(codec_test::fnv1a(values.data(), values.size() * sizeof(float)) == item.random_blocks);
  });
}

TEST_CASE("block encodings: the error is at most ggml's at every effort", "[gguf_iq][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  INFO(item.id << ", effort " << static_cast<int>(effort));
  const auto encoding = item.make();
  const auto input = codec_test::golden<float>("input.f32"),
             importance = codec_test::golden<float>("imatrix.f32");
  const auto error = [&](const std::vector<float>& w) {
    double total = w.empty() ? 512.0 : 0.0;
    for (const float value : w) total += static_cast<double>(value);
    return std::sqrt(codec_test::squared_error(
                         input, decode(*encoding, encode(*encoding, input, 512, w, effort), 512), w) /
                     (4 * total));
  };
  if (item.plain_rmse > 0) CHECK(error({}) <= item.plain_rmse);
  CHECK(error(importance) <= item.weighted_rmse);
}
