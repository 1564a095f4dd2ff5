#include <polyquant/base/bytes.hpp>

#include <catch2/catch.hpp>

#include <array>

using namespace pq;

TEST_CASE("bytes: unaligned values are read and written little-endian", "[base][unit]") {
  std::array<std::byte, 8> memory = {};
  store(memory.data() + 1, std::uint32_t{0x04030201});
  CHECK(memory[1] == std::byte{1});
  CHECK(memory[4] == std::byte{4});
  CHECK(load<std::uint32_t>(memory.data() + 1) == 0x04030201u);
}

TEST_CASE("bytes: sizes from files are multiplied and added with a check", "[base][unit]") {
  CHECK(checked_mul(1u << 16, 1u << 16) == 0x100000000u);
  CHECK_FALSE(checked_mul(UINT64_MAX, 2));
  CHECK_FALSE(checked_add(UINT64_MAX, 1));
  CHECK(checked_add(UINT64_MAX, 0) == UINT64_MAX);
  CHECK(round_up(33, 32) == 64);
  CHECK(round_up(32, 32) == 32);
}
