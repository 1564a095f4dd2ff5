#include "golden_dir.hpp"
#include "support.hpp"

#include <cstring>
#include <fstream>
#include <iterator>

using namespace pq;

namespace {

template <class T>
std::vector<T> golden(const char* name) {
  std::ifstream file(pq_test::golden_dir() / "affine" / name, std::ios::binary);
  REQUIRE(file.is_open());
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}

constexpr std::int64_t kRows = 4, kCols = 200;

}  // namespace

TEST_CASE("affine: fast takes the plain range, as a reference in double precision does", "[affine][golden]") {
  const std::vector<float> input = golden<float>("input.f32");
  const std::vector<std::byte> expected = golden<std::byte>("minmax.bin");
  REQUIRE(input.size() == kRows * kCols);
  const ConstMatrix weights{input.data(), kRows, kCols, kCols};
  std::size_t at = 0;
  for (int bits = 2; bits <= 8; ++bits)
    for (const char* group : {"16", "64", "-1"})
      for (const char* symmetric : {"false", "true"}) {
        const auto encoding =
            affine_test::make("bits=" + std::to_string(bits) + ",group=" + group + ",symmetric=" + symmetric);
        INFO(encoding->info().spec);
        const std::vector<std::byte> found = testing::encode(*encoding, weights, {}, Effort::fast);
        REQUIRE(at + found.size() <= expected.size());
        CHECK(std::memcmp(found.data(), expected.data() + at, found.size()) == 0);
        at += found.size();
      }
  CHECK(at == expected.size());
}
