#include "run/near_packing.hpp"

#include "built_plugins.hpp"

#include <polyquant/base/half.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

namespace pq {
namespace {

/// A row of two groups of 64 as a GPTQ folder has them: whole zero points, scales in f16 with 11 bits.
AffineRow row_with_zero(std::int32_t zero) {
  AffineRow row;
  row.group_cols = 64;
  row.scales = {f16_to(f16_from(0.0123f)), f16_to(f16_from(0.0457f))};
  row.offsets = {0, 0};
  for (std::int32_t i = 0; i < 128; ++i) row.codes.push_back(i * 7 % 16 - zero);
  return row;
}

/// The largest error of the decoded row, in steps; -1 if it was not packed.
float error_in_steps(const AffineRow& row, const std::string& spec) {
  const auto encoding = test::registry().encoding(Node::scalar(spec));
  std::vector<std::byte> bytes(encoding->row_bytes(128));
  AffineRow near;
  if (NearPacking(*encoding, 128).round_offsets(row, near) == Fit::no || !encoding->pack_affine(near, bytes))
    return -1;
  std::vector<float> values(128);
  encoding->decode(bytes, {values.data(), 1, 128, 128});
  float largest = 0;
  for (std::size_t i = 0; i < 128; ++i) {
    const float scale = row.scales[i / 64],
                wanted = scale * static_cast<float>(row.codes[i]) + row.offsets[i / 64];
    largest = std::max(largest, std::abs(values[i] - wanted) / scale);
  }
  return largest;
}

}  // namespace

TEST_CASE("near packing: codes of a GPTQ row stay, offsets are rounded to f16", "[run]") {
  for (const char* spec : {"q4_1", "q5_1"}) {
    INFO(spec);
    const float error = error_in_steps(row_with_zero(7), spec);
    CHECK(error >= 0);
    CHECK(error <= 16 * 0x1p-12f);  // one rounding of an offset of up to 16 steps
  }
}

TEST_CASE("near packing: with the sign of the scale turned, the offset of every second zero point is exact",
          "[run]") {
  for (const std::int32_t zero : {7, 11}) CHECK(error_in_steps(row_with_zero(zero), "q4_1") == 0);
}

TEST_CASE("near packing: numbers that are none are left to the search", "[run]") {
  for (const float wrong : {HUGE_VALF, -HUGE_VALF, NAN}) {
    AffineRow row = row_with_zero(7);
    row.offsets[1] = wrong;
    CHECK(error_in_steps(row, "q4_1") == -1);
    row = row_with_zero(7);
    row.scales[1] = wrong;
    CHECK(error_in_steps(row, "q4_1") == -1);
    AffineRow near;
    CHECK(NearPacking(*test::registry().encoding(Node::scalar("q4_1")), 128).round_offsets(row, near) ==
          Fit::no);
  }
}

TEST_CASE("near packing: offsets are rounded to the type that the encoding stores", "[run]") {
  AffineRow row = row_with_zero(7);
  for (float& scale : row.scales) scale = bf16_to(bf16_from(scale));  // 8 bits; 7 times it has 11
  row.offsets = {row.scales[0] * 0x1p-9f, row.scales[1] * 0x1p-9f};
  const float error = error_in_steps(row, "affine:bits=4,group=64,zero=offset,scale=bf16");
  CHECK(error >= 0);
  CHECK(error <= 1.0f / 64);
}

TEST_CASE("near packing: five bits leave room for an offset that is exact", "[run]") {
  CHECK(error_in_steps(row_with_zero(7), "q5_1") == 0);  // 16 steps below zero, or 8
}

TEST_CASE("near packing: a grid without offsets, or offsets that f16 cannot hold, are left to the search",
          "[run]") {
  CHECK(error_in_steps(row_with_zero(7), "q4_0") == -1);
  AffineRow far = row_with_zero(7);
  far.offsets = {1000.3f, 1000.3f};
  CHECK(error_in_steps(far, "q4_1") == -1);
  AffineRow narrow = row_with_zero(7);
  narrow.group_cols = 16;
  narrow.scales.assign(8, 0.5f);
  narrow.offsets.assign(8, 0.0f);
  CHECK(error_in_steps(narrow, "q4_1") == -1);  // two groups in a block
}

}  // namespace pq
