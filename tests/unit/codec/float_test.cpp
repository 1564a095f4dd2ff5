#include "support.hpp"
#include "targets.hpp"

#include <float/convert.hpp>
#include <float/encoding.hpp>

#include <bit>

using namespace pq::floating;

namespace {

/// Bit patterns of f32 that reach every case of a conversion: all exponents, mantissas around every rounding step, NaN, infinities.
std::vector<float> tricky_numbers() {
  std::vector<float> numbers;
  std::mt19937 random(3);
  for (std::uint32_t exponent = 0; exponent < 256; ++exponent) {
    for (int bit = 0; bit < 23; ++bit)
      for (const std::uint32_t low :
           {0u, 1u, (1u << bit) - 1, 1u << bit, (1u << bit) + 1, 3u << bit, (3u << bit) - 1})
        for (const std::uint32_t sign : {0u, 0x80000000u})
          numbers.push_back(std::bit_cast<float>(sign | exponent << 23 | (low & 0x7FFFFFu)));
    for (int i = 0; i < 8; ++i) numbers.push_back(std::bit_cast<float>(static_cast<std::uint32_t>(random())));
  }
  return numbers;
}

template <class T>
std::vector<T> bits_of(const void* data, std::size_t bytes) {
  std::vector<T> bits(bytes / sizeof(T));
  std::memcpy(bits.data(), data, bytes);
  return bits;
}

}  // namespace

TEMPLATE_TEST_CASE("float: every instruction set converts as the definition does", "[float][simd]", F32, F64,
                   F16, Bf16, E4m3, E5m2) {
  const std::vector<float> numbers = tricky_numbers();
  std::vector<std::byte> expected(numbers.size() * sizeof(typename TestType::Stored));
  encode_reference<TestType>(numbers.data(), numbers.size(), expected.data());
  std::vector<float> expected_back(numbers.size());
  decode_reference<TestType>(expected.data(), numbers.size(), expected_back.data());
  codec_test::for_each_target([&] {
    std::vector<std::byte> found(expected.size());
    encode_numbers<TestType>(numbers.data(), numbers.size(), found.data());
    CHECK(found == expected);
    std::vector<float> back(numbers.size());
    decode_numbers<TestType>(expected.data(), numbers.size(), back.data());
    CHECK(std::memcmp(back.data(), expected_back.data(), back.size() * sizeof(float)) == 0);
  });
}

TEMPLATE_TEST_CASE("float: every instruction set decodes every 16-bit pattern as the definition does",
                   "[float][simd]", F16, Bf16) {
  std::vector<std::uint16_t> patterns(65536);
  for (std::size_t i = 0; i < patterns.size(); ++i) patterns[i] = static_cast<std::uint16_t>(i);
  std::vector<float> expected(patterns.size());
  decode_reference<TestType>(reinterpret_cast<const std::byte*>(patterns.data()), patterns.size(),
                             expected.data());
  codec_test::for_each_target([&] {
    std::vector<float> found(patterns.size());
    decode_numbers<TestType>(reinterpret_cast<const std::byte*>(patterns.data()), patterns.size(),
                             found.data());
    CHECK(std::memcmp(found.data(), expected.data(), found.size() * sizeof(float)) == 0);
  });
}

TEMPLATE_TEST_CASE("float: every pattern that is not NaN is read and written unchanged",
                   "[float][exhaustive]", F16, Bf16, E4m3, E5m2) {
  using Stored = typename TestType::Stored;
  std::size_t changed = 0;
  for (std::uint32_t i = 0; i < 1u << (8 * sizeof(Stored)); ++i) {
    const float value = TestType::decode(static_cast<Stored>(i));
    if (std::isfinite(value)) changed += TestType::encode(value) != static_cast<Stored>(i);
  }
  CHECK(changed == 0);
}

TEST_CASE("float: ggml's f16 and bf16 conversions of 1024 patterns are ours", "[float][golden]") {
  const auto input = codec_test::golden<float>("round_input.f32");
  const auto f16 = codec_test::golden<std::uint16_t>("round.f16"),
             bf16 = codec_test::golden<std::uint16_t>("round.bf16");
  REQUIRE(input.size() == 1024);
  std::size_t wrong = 0;
  for (std::size_t i = 0; i < input.size(); ++i) {
    // The payload of a NaN differs among machines (ggml rounds in hardware where it can).
    const bool both_nan =
        std::isnan(input[i]) && (F16::encode(input[i]) & 0x7FFF) > 0x7C00 && (f16[i] & 0x7FFF) > 0x7C00;
    wrong += !both_nan && F16::encode(input[i]) != f16[i];
    wrong += Bf16::encode(input[i]) != bf16[i];
  }
  CHECK(wrong == 0);
}

TEST_CASE("float: fp8_e4m3 has the numbers of the OCP standard", "[float][layout]") {
  CHECK(E4m3::decode(0x7E) == 448.0f);
  CHECK(E4m3::decode(0x08) == 0x1p-6f);  // smallest normal
  CHECK(E4m3::decode(0x01) == 0x1p-9f);  // smallest subnormal
  CHECK(E4m3::decode(0xB8) == -1.0f);
  CHECK(std::isnan(E4m3::decode(0x7F)));
  CHECK(std::isnan(E4m3::decode(0xFF)));
}

TEST_CASE("float: fp8_e5m2 has the numbers of the OCP standard", "[float][layout]") {
  CHECK(E5m2::decode(0x7B) == 57344.0f);
  CHECK(E5m2::decode(0x04) == 0x1p-14f);
  CHECK(E5m2::decode(0x01) == 0x1p-16f);
  CHECK(std::isinf(E5m2::decode(0x7C)));
  CHECK(std::isnan(E5m2::decode(0x7E)));
}

TEST_CASE("float: fp8 rounds to nearest even and saturates", "[float][layout]") {
  CHECK(E4m3::encode(1.0625f) == 0x38);   // halfway between 1 (even) and 1.125
  CHECK(E4m3::encode(1.1875f) == 0x3A);   // halfway between 1.125 and 1.25 (even)
  CHECK(E4m3::encode(0x1p-10f) == 0x00);  // halfway to the smallest subnormal
  CHECK(E4m3::encode(0x1.8p-10f) == 0x01);
  CHECK(E4m3::encode(1e9f) == 0x7E);
  CHECK(E4m3::encode(-std::numeric_limits<float>::infinity()) == 0xFE);
  CHECK(E4m3::encode(std::numeric_limits<float>::quiet_NaN()) == 0x7F);
  CHECK(E5m2::encode(1e9f) == 0x7B);
  CHECK(E5m2::encode(std::numeric_limits<float>::infinity()) == 0x7B);
  CHECK(E5m2::encode(-std::numeric_limits<float>::quiet_NaN()) == 0xFE);
}

TEST_CASE("float: f64 is written exactly and read to nearest even", "[float][layout]") {
  CHECK(F64::encode(0.1f) == static_cast<double>(0.1f));
  CHECK(F64::decode(1.0 + 0x1p-24) == 1.0f);
  CHECK(F64::decode(1.0 + 0x3p-24) == 1.0f + 0x1p-22f);
}

TEST_CASE("float: the column codec gives the bytes of the row encoder", "[float][columns]") {
  const auto make = GENERATE(make_f32, make_f16, make_bf16, make_f64, make_e4m3, make_e5m2);
  const auto encoding = make();
  const std::vector<float> weights = codec_test::weights(codec_test::Kind::heavy_tails, 3 * 5);
  std::vector<std::byte> expected(encoding->row_bytes(5) * 3);
  encoding->encoder({5, {}, pq::Effort::normal})->encode(codec_test::matrix(weights, 5), expected);
  const auto columns = encoding->column_codec(3, 5, pq::Effort::normal);
  for (std::int64_t c = 0; c < 5; ++c) {
    const pq::ConstMatrix column{weights.data() + c, 3, 1, 5};
    std::vector<float> rounded(3);
    columns->fit(column, {});
    columns->round(column, {rounded.data(), 3, 1, 1});
  }
  std::vector<std::byte> found(expected.size());
  for (std::int64_t r = 0; r < 3; ++r)
    columns->emit(r, pq::MutableBytes(found).subspan(static_cast<std::size_t>(r) * encoding->row_bytes(5),
                                                     encoding->row_bytes(5)));
  CHECK(found == expected);
}

TEST_CASE("float: a stored NaN or infinity is reported", "[float][check]") {
  const auto encoding = make_f16();
  const std::uint16_t good[2] = {0x3C00, 0x0001}, bad[2] = {0x3C00, 0x7C00};
  CHECK_FALSE(encoding->check_rows(std::as_bytes(std::span(good)), 2));
  CHECK(encoding->check_rows(std::as_bytes(std::span(bad)), 2).value() == "value 1 is not a finite number");
}
