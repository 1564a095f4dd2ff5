// Against bytes and errors of ggml itself; provenance in tests/golden/README.md.
#include "support.hpp"
#include "targets.hpp"

#include <gguf_legacy/encoding.hpp>

#include <cmath>

using namespace pq::gguf;

namespace {

struct Case {
  const char* id;
  std::unique_ptr<pq::Encoding> (*make)();
  std::uint64_t random_blocks;  // FNV-1a of ggml's decoded values
  double plain_rmse;            // of ggml's encoder on input.f32
  double weighted_rmse;         // with importance
};
constexpr Case kCases[] = {
    {"q4_0", make_q4_0, 0x76dc29ec0d451268, 0.01668797532590158, 0.009944059882836668},
    {"q4_1", make_q4_1, 0x53f001e48f272662, 0.00447890406115824, 0.0055109364259410785},
    {"q5_0", make_q5_0, 0x760fc90c291746c3, 0.007934608108597299, 0.00499461349048802},
    {"q5_1", make_q5_1, 0x81bac76e11f83fec, 0.002209994069174831, 0.0024930503325991606},
    {"q8_0", make_q8_0, 0x2c0a7596cca09db1, 0.0010102103922889302, 0.0009233938563917634},
};

std::vector<float> decode(const pq::Encoding& encoding, const std::vector<std::byte>& bytes,
                          std::size_t cols) {
  std::vector<float> values(bytes.size() / encoding.row_bytes(static_cast<std::int64_t>(cols)) * cols);
  encoding.decode(bytes, codec_test::matrix(values, cols));
  return values;
}

}  // namespace

TEST_CASE("gguf_legacy: blocks of ggml's encoders decode bit for bit as in ggml", "[gguf_legacy][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  const std::string kind = GENERATE(as<std::string>(), "plain", "imat");
  if (std::string(item.id) == "q8_0" && kind == "imat") return;  // ggml's q8_0 takes no importance
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

TEST_CASE("gguf_legacy: random blocks decode bit for bit as in ggml", "[gguf_legacy][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  INFO(item.id);
  const auto encoding = item.make();
  codec_test::for_each_target([&] {
    const auto values =
        decode(*encoding, codec_test::golden<std::byte>(std::string(item.id) + ".rand.bin"), 512);
    CHECK(codec_test::fnv1a(values.data(), values.size() * sizeof(float)) == item.random_blocks);
  });
}

TEST_CASE("gguf_legacy: the error is at most ggml's at every effort", "[gguf_legacy][golden]") {
  const auto& item = GENERATE_REF(from_range(std::begin(kCases), std::end(kCases)));
  const auto effort = GENERATE(pq::Effort::fast, pq::Effort::normal, pq::Effort::best);
  INFO(item.id << ", effort " << static_cast<int>(effort));
  const auto encoding = item.make();
  const auto input = codec_test::golden<float>("input.f32"),
             importance = codec_test::golden<float>("imatrix.f32");
  std::vector<std::byte> bytes(encoding->row_bytes(512) * 4);

  encoding->encoder({512, {}, effort})->encode(codec_test::matrix(input, 512), bytes);
  CHECK(std::sqrt(codec_test::squared_error(input, decode(*encoding, bytes, 512)) / 2048) <= item.plain_rmse);

  encoding->encoder({512, importance, effort})->encode(codec_test::matrix(input, 512), bytes);
  double total = 0;
  for (const float w : importance) total += static_cast<double>(w);
  CHECK(std::sqrt(codec_test::squared_error(input, decode(*encoding, bytes, 512), importance) /
                  (4 * total)) <= item.weighted_rmse);
}
