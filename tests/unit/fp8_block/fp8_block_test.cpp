#include "fp8_block/encoding.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <limits>
#include <vector>

using namespace pq;

namespace {

std::unique_ptr<Encoding> with_block(const std::string& block) {
  Node options = Node::map();
  options.set("block", Node::scalar(block));
  return fp8::make_fp8_block(options);
}

}  // namespace

TEST_CASE("fp8_block: codes of a row come first, then its scales", "[codec][layout]") {
  const auto encoding = with_block("2");
  CHECK(encoding->info().spec == "fp8_block:block=2");
  REQUIRE(encoding->row_bytes(3) == 3 + 2 * 4);
  std::vector<std::byte> row(11);
  row[0] = std::byte{0x38};  // 1
  row[1] = std::byte{0xc0};  // -2
  row[2] = std::byte{0x01};  // 2^-9, the smallest number
  store(row.data() + 3, 0.5f);
  store(row.data() + 7, 512.0f);
  std::vector<float> out(3);
  encoding->decode(row, Matrix{out.data(), 1, 3, 3});
  CHECK(out == std::vector<float>{0.5f, -1.0f, 1.0f});
}

TEST_CASE("fp8_block: the largest magnitude of a block becomes the largest code", "[codec]") {
  const auto encoding = with_block("2");
  const std::vector<float> weights{-896.0f, 2.0f, 0.0f, 0.0f};
  std::vector<std::byte> row(encoding->row_bytes(4));
  encoding->encoder({4, {}, Effort::normal})->encode(ConstMatrix{weights.data(), 1, 4, 4}, row);
  CHECK(row[0] == std::byte{0xfe});  // -448
  CHECK(load<float>(row.data() + 4) == 2.0f);
  std::vector<float> out(4);
  encoding->decode(row, Matrix{out.data(), 1, 4, 4});
  CHECK(out == weights);
}

TEST_CASE("fp8_block: scales and codes that are no numbers are found", "[codec]") {
  const auto encoding = with_block("4");
  std::vector<std::byte> row(8, std::byte{0});
  CHECK_FALSE(encoding->check_rows(row, 4));
  row[3] = std::byte{0x7f};
  CHECK(encoding->check_rows(row, 4) == "column 3 of a row is NaN");
  store(row.data() + 4, std::numeric_limits<float>::infinity());
  CHECK(encoding->check_rows(row, 4) == "the scale of block 0 of a row is not a finite number");
}

TEST_CASE("fp8_block: a block of no columns is refused", "[codec]") {
  CHECK_THROWS_AS(with_block("0"), ConfigError);
}
