#include "bitsandbytes/support.hpp"

#include <polyquant/codec/table_row.hpp>
#include <polyquant/testing/measure.hpp>

#include <catch2/catch.hpp>

#include <limits>

using namespace pq;
using namespace pq::test;

namespace {

int byte_at(const std::vector<std::byte>& bytes, std::size_t i) { return std::to_integer<int>(bytes[i]); }

double error_of(const std::string& spec, const testing::Sample& sample, Effort effort,
                std::span<const float> importance = {}) {
  return testing::relative_error(sample, testing::stored(*bnb_encoding(spec), sample, importance, effort),
                                 importance);
}

}  // namespace

TEST_CASE("nf4: codes come first, the first of two in the high nibble, then the scales", "[nf4][layout]") {
  // The worked example of bitsandbytes' rule with a block of 8.
  const std::vector<float> weights{0.5f, -1.0f, 0.25f, 0.0f, -0.125f, 2.0f, -2.0f, 1.0f};
  const auto encoding = bnb_encoding("nf4:block=8");
  const auto bytes = testing::encode(*encoding, {weights.data(), 1, 8, 8}, {}, Effort::fast);
  REQUIRE(bytes.size() == 4 + 4);
  CHECK(byte_at(bytes, 0) == 0xA2);
  CHECK(byte_at(bytes, 1) == 0x97);
  CHECK(byte_at(bytes, 2) == 0x6F);
  CHECK(byte_at(bytes, 3) == 0x0C);
  CHECK(load<float>(bytes.data() + 4) == 2.0f);
  const auto back = testing::decode(*encoding, bytes, 1, 8);
  CHECK(back.values[0] == Approx(0.4922246f));
  CHECK(back.values[1] == Approx(-1.0501461f));
  CHECK(back.values[6] == -2.0f);
}

TEST_CASE("fp4: each code has the value of its place", "[nf4][layout]") {
  const auto encoding = bnb_encoding("fp4:block=16");
  std::vector<std::byte> row(8 + 4);
  for (std::size_t i = 0; i < 8; ++i) row[i] = static_cast<std::byte>(2 * i << 4 | (2 * i + 1));
  store(row.data() + 8, 12.0f);
  const auto back = testing::decode(*encoding, row, 1, 16);
  const std::vector<float> wanted{0, 0.0625f, 8, 12, 4, 6, 2, 3, 0, -0.0625f, -8, -12, -4, -6, -2, -3};
  for (std::size_t i = 0; i < 16; ++i) CHECK(back.values[i] == Approx(wanted[i]));
}

TEST_CASE("nf4: an odd row ends with a zero nibble", "[nf4][layout]") {
  const auto encoding = bnb_encoding("nf4:block=1");
  const std::vector<float> weights{1.0f, -3.0f, 2.0f};
  const auto bytes = testing::encode(*encoding, {weights.data(), 1, 3, 3});
  REQUIRE(bytes.size() == 2 + 3 * 4);
  CHECK((byte_at(bytes, 1) & 15) == 0);
  CHECK(testing::decode(*encoding, bytes, 1, 3).values == weights);
}

TEST_CASE("nf4: the search is never worse than the largest magnitude as scale", "[nf4]") {
  for (const char* spec : {"nf4:block=64", "fp4:block=64", "nf4:block=32", "nf4:block=128"}) {
    for (const testing::Sample& sample : testing::ordinary_samples(8, 1024, 5)) {
      INFO(spec << " " << sample.name);
      const double fast = error_of(spec, sample, Effort::fast);
      const double normal = error_of(spec, sample, Effort::normal);
      CHECK(normal <= fast * (1 + 1e-5));
      CHECK(error_of(spec, sample, Effort::best) <= fast * (1 + 1e-5));
    }
  }
}

TEST_CASE("nf4: on normal weights the search takes an eighth of the error away, of weighted ones a third",
          "[nf4]") {
  const testing::Sample sample = testing::gaussian(16, 1024, 3);
  const std::vector<float> importance = testing::lognormal_importance(1024, 4);
  CHECK(error_of("nf4:block=64", sample, Effort::normal) <
        0.875 * error_of("nf4:block=64", sample, Effort::fast));
  CHECK(error_of("nf4:block=64", sample, Effort::normal, importance) <
        0.67 * error_of("nf4:block=64", sample, Effort::fast, importance));
}

TEST_CASE("nf4: double quantization with surveyed scales costs little", "[nf4]") {
  const testing::Sample sample = testing::gaussian(64, 1024, 6);
  const auto encoding = bnb_encoding("nf4:block=64,double_quant=true");
  const auto shared = encoding->survey(RowsInMemory(rows_of(sample.values, 1024)));
  REQUIRE(shared.size() == encoding->shared_bytes(1024));
  const auto bound = encoding->bind(shared, 1024);
  CHECK(bound->info().spec == "nf4:block=64,double_quant=true");
  const double nested = testing::relative_error(sample, testing::stored(*bound, sample, {}, Effort::fast)),
               plain = error_of("nf4:block=64", sample, Effort::fast);
  CHECK(nested < 1.02 * plain);
  const auto bytes = testing::encode(*bound, sample.matrix());
  const TableRow row(1024, 64, true);
  const float range = NestedScales::read(shared.data()).range;
  for (std::size_t b = 0; b < row.blocks(); ++b)
    CHECK(load<float>(bytes.data() + row.ranges_at() + 4 * b) == range);
}

TEST_CASE("nf4: shared bytes that are no numbers are refused", "[nf4]") {
  const auto encoding = bnb_encoding("nf4:block=64,double_quant=true");
  const std::vector<float> no_rows;
  std::vector<std::byte> shared = encoding->survey(RowsInMemory(rows_of(no_rows, 64)));
  CHECK_THROWS_AS(encoding->bind(Bytes(shared).first(100), 64), FormatError);
  store(shared.data(), std::numeric_limits<float>::quiet_NaN());
  CHECK_THROWS_AS(encoding->bind(shared, 64), FormatError);
}

TEST_CASE("int8: the largest f16 magnitude of a row, then codes", "[nf4][layout]") {
  const auto encoding = bnb_encoding("int8");
  const std::vector<float> weights{-2.0f, 1.0f, 0.0f, 0.5f};
  const auto bytes = testing::encode(*encoding, {weights.data(), 1, 4, 4});
  REQUIRE(bytes.size() == 4 + 4);
  CHECK(load<float>(bytes.data()) == 2.0f);
  CHECK(byte_at(bytes, 4) == 0x81);  // -127
  CHECK(byte_at(bytes, 5) == 64);    // 63.5, to even
  CHECK(byte_at(bytes, 6) == 0);
  CHECK(byte_at(bytes, 7) == 32);
  std::vector<std::byte> wrong = bytes;
  wrong[6] = std::byte{0x80};
  CHECK(encoding->check_rows(wrong, 4) ==
        "column 2 of a row has the code -128, which bitsandbytes never writes");
}
