#include <polyquant/base/bytes.hpp>
#include <polyquant/base/half.hpp>

#include "base/support.hpp"
#include "golden_dir.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

using namespace pq;

namespace {

// 1024 bit patterns and what ggml makes of them, see tests/golden/README.md.
std::string golden(const std::string& name) {
  std::string content = test::read_file(pq_test::golden_dir() / "gguf" / name);
  REQUIRE_FALSE(content.empty());
  return content;
}
template <class T>
T at(const std::string& content, std::size_t i) {
  return load<T>(reinterpret_cast<const std::byte*>(content.data()) + i * sizeof(T));
}

}  // namespace

TEST_CASE("f16: rounds 1024 patterns as ggml does", "[half][golden]") {
  const std::string input = golden("round_input.f32"), expected = golden("round.f16");
  for (std::size_t i = 0; i < 1024; ++i) {
    CAPTURE(i, at<std::uint32_t>(input, i));
    if (f16_from(at<float>(input, i)) != at<std::uint16_t>(expected, i))
      FAIL_CHECK(f16_from(at<float>(input, i)));
  }
}

TEST_CASE("bf16: rounds 1024 patterns as ggml does", "[half][golden]") {
  const std::string input = golden("round_input.f32"), expected = golden("round.bf16");
  for (std::size_t i = 0; i < 1024; ++i) {
    CAPTURE(i, at<std::uint32_t>(input, i));
    if (bf16_from(at<float>(input, i)) != at<std::uint16_t>(expected, i))
      FAIL_CHECK(bf16_from(at<float>(input, i)));
  }
}

TEST_CASE("f16: every pattern that is no NaN comes back", "[half][unit]") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value))
      wrong += f16_from(value) != bits;
    else
      wrong += (f16_from(value) & 0x7E00u) != 0x7E00u;
  }
  CHECK(wrong == 0);
}

TEST_CASE("f16: values, limits and ties by the IEEE definition", "[half][unit]") {
  CHECK(f16_to(0x3C00) == 1.0f);
  CHECK(f16_to(0x0001) == 0x1p-24f);
  CHECK(f16_to(0x7BFF) == 65504.0f);
  CHECK(f16_from(65519.996f) == 0x7BFF);
  CHECK(f16_from(65520.0f) == 0x7C00);
  CHECK(f16_from(-std::numeric_limits<float>::infinity()) == 0xFC00);
  CHECK(f16_from(0x1p-25f) == 0x0000);         // half of the smallest: to even
  CHECK(f16_from(0x1.000002p-25f) == 0x0001);  // just above
  CHECK(f16_from(1.0f + 0x1p-11f) == 0x3C00);
  CHECK(f16_from(1.0f + 0x3p-11f) == 0x3C02);
  CHECK(f16_from(-0.0f) == 0x8000);
}

TEST_CASE("bf16: every pattern that is no NaN comes back", "[half][unit]") {
  int wrong = 0;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = bf16_to(static_cast<std::uint16_t>(bits));
    if (!std::isnan(value)) wrong += bf16_from(value) != bits;
  }
  CHECK(wrong == 0);
}
