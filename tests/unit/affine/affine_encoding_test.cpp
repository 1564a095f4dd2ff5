#include "support.hpp"

#include <gguf_legacy/encoding.hpp>
#include <polyquant/base/error.hpp>
#include <polyquant/codec/affine_rows.hpp>

#include <cstring>

using namespace pq;
using affine_test::bytes_of;
using affine_test::make;

namespace {

double group_error(const testing::Sample& a, const testing::Sample& b, std::size_t first, std::size_t count,
                   const std::vector<float>& importance) {
  double error = 0;
  for (std::size_t i = first; i < first + count; ++i) {
    const double difference = double{a.values[i]} - double{b.values[i]};
    error += double{importance[i % importance.size()]} * difference * difference;
  }
  return error;
}

/// The group of each of these columns as shared bytes.
std::vector<std::byte> shared_of(const std::vector<std::int32_t>& groups) {
  std::vector<std::byte> shared(groups.size() * sizeof(std::int32_t));
  std::memcpy(shared.data(), groups.data(), shared.size());
  return shared;
}

}  // namespace

TEST_CASE("affine: every combination of options passes the conformance checks", "[affine][conformance]") {
  const std::string options = GENERATE(
      "bits=2,group=16", "bits=3,group=100,scale=bf16", "bits=5,group=3", "bits=6,group=-1,scale=f32",
      "bits=7,group=64,symmetric=true", "bits=8,group=32,symmetric=true,scale=f32",
      "bits=2,group=-1,symmetric=true,scale=bf16", "bits=4,group=37,act_order=true",
      "bits=3,group=64,zero=float,scale=bf16", "bits=8,group=-1,zero=float,scale=f32",
      "bits=2,group=32,zero=offset,scale=bf16", "bits=6,group=64,zero=offset,scale=f32,act_order=true");
  for (const testing::CheckResult& result :
       testing::check_encoding({make(options), affine_test::from_spec})) {
    INFO(result.subject << ": " << result.check);
    for (const std::string& text : result.findings.texts()) UNSCOPED_INFO(text);
    CHECK(result.ok());
  }
}

TEST_CASE("affine: no group is worse than with the plain range, and all together are better", "[affine]") {
  const std::string options =
      GENERATE("bits=2,group=64", "bits=3,group=128", "bits=4,group=128", "bits=4,group=128,symmetric=true",
               "bits=8,group=32", "bits=4,group=64,zero=float", "bits=4,group=64,zero=offset,scale=bf16");
  const auto encoding = make(options);
  const auto group = static_cast<std::size_t>(encoding->info().grid.group_cols);
  const std::vector<float> importance = testing::lognormal_importance(256, 5);
  for (const testing::Sample& sample : testing::ordinary_samples(20, 256, 3)) {
    INFO(options << ", " << sample.name);
    const auto plain = testing::stored(*encoding, sample, importance, Effort::fast),
               normal = testing::stored(*encoding, sample, importance, Effort::normal),
               best = testing::stored(*encoding, sample, importance, Effort::best);
    int worse = 0;
    for (std::size_t i = 0; i < sample.values.size(); i += group) {
      const double least =
          group_error(sample, plain, i, group, importance) * (1 + 1e-5) + 1e-30;  // sums in f32
      worse += group_error(sample, normal, i, group, importance) > least;
      worse += group_error(sample, best, i, group, importance) > least;
    }
    CHECK(worse == 0);
    const double normal_error = testing::relative_error(sample, normal, importance);
    CHECK(normal_error <= testing::relative_error(sample, plain, importance));
    CHECK(testing::relative_error(sample, best, importance) <= normal_error * 1.01);
  }
}

TEST_CASE("affine: normal saves a quarter of the error of gaussian weights at 3 and 4 bits", "[affine]") {
  const std::string options =
      GENERATE("bits=3,group=128", "bits=4,group=128", "bits=4,group=128,symmetric=true");
  const auto encoding = make(options);
  const testing::Sample sample = testing::gaussian(64, 1024, 9);
  const std::vector<float> importance = testing::lognormal_importance(1024, 11);
  const double plain = testing::relative_error(
                   sample, testing::stored(*encoding, sample, importance, Effort::fast), importance),
               normal = testing::relative_error(
                   sample, testing::stored(*encoding, sample, importance, Effort::normal), importance);
  INFO(options << ": " << plain << " -> " << normal);
  CHECK(normal < 0.75 * plain);
}

TEST_CASE("affine: symmetric groups of 32 and q4_0 become each other without loss", "[affine][repack]") {
  const auto ours = make("bits=4,group=32,symmetric=true"), asymmetric = make("bits=4,group=32");
  const auto theirs = gguf::make_q4_0();
  const testing::Sample sample = testing::gaussian(1, 256, 13);
  AffineRow row;
  std::vector<std::byte> q4_0 = testing::encode(*theirs, sample.matrix()), packed(ours->row_bytes(256)),
                         again(q4_0.size()), zeros(asymmetric->row_bytes(256));
  REQUIRE(theirs->unpack_affine(q4_0, 256, row));
  REQUIRE(ours->pack_affine(row, packed));
  CHECK(affine_test::decoded(*ours, packed, 256) == affine_test::decoded(*theirs, q4_0, 256));
  REQUIRE(asymmetric->pack_affine(row, zeros));
  CHECK(affine_test::decoded(*asymmetric, zeros, 256) == affine_test::decoded(*theirs, q4_0, 256));
  CHECK(AffineRows(parse_affine_spec(asymmetric->info().spec), 256).zero(zeros.data(), 0) == 8);
  for (const auto& [encoding, bytes] : {std::pair(ours, &packed), std::pair(asymmetric, &zeros)}) {
    REQUIRE(encoding->unpack_affine(*bytes, 256, row));
    REQUIRE(theirs->pack_affine(row, again));
    CHECK(again == q4_0);
  }
}

TEST_CASE("affine: groups of 128 become blocks of 32, but not the other way round", "[affine][repack]") {
  const auto wide = make("bits=4,group=128,symmetric=true");
  const auto theirs = gguf::make_q4_0();
  const testing::Sample sample = testing::gaussian(1, 256, 17);
  AffineRow row;
  const std::vector<std::byte> bytes = testing::encode(*wide, sample.matrix());
  std::vector<std::byte> blocks(theirs->row_bytes(256)), back(bytes.size());
  REQUIRE(wide->unpack_affine(bytes, 256, row));
  REQUIRE(theirs->pack_affine(row, blocks));
  CHECK(affine_test::decoded(*theirs, blocks, 256) == affine_test::decoded(*wide, bytes, 256));
  REQUIRE(theirs->unpack_affine(blocks, 256, row));
  CHECK(wide->pack_affine(row, back));  // the four scales are still the same
  CHECK(back == bytes);
  REQUIRE(theirs->unpack_affine(testing::encode(*theirs, sample.matrix()), 256, row));
  CHECK_FALSE(wide->pack_affine(row, back));
}

TEST_CASE("affine: offsets hold q4_1 without loss", "[affine][repack]") {
  const auto ours = make("bits=4,group=32,zero=offset");
  const auto theirs = gguf::make_q4_1();
  const testing::Sample sample = testing::gaussian(1, 96, 19);
  const std::vector<std::byte> bytes = testing::encode(*theirs, sample.matrix());
  AffineRow row;
  std::vector<std::byte> packed(ours->row_bytes(96)), again(bytes.size());
  REQUIRE(theirs->unpack_affine(bytes, 96, row));
  REQUIRE(ours->pack_affine(row, packed));
  REQUIRE(ours->unpack_affine(packed, 96, row));
  REQUIRE(theirs->pack_affine(row, again));
  CHECK(again == bytes);
}

TEST_CASE("affine: columns of a group need not lie together", "[affine][act_order]") {
  const std::string zero = GENERATE("integer", "float", "offset");
  const auto encoding = make("bits=4,group=3,act_order=true,zero=" + zero);
  const std::vector<std::int32_t> groups{1, 0, 1, 2, 0, 0, 1, 2};
  const auto bound = encoding->bind(shared_of(groups), 8);
  REQUIRE(bound->info().spec == encoding->info().spec);
  // Each group is a row of its own for an encoding of one group, so it must get the same scales and codes.
  const std::vector<float> weights{0.9f, -0.02f, -0.35f, 8.0f, 0.01f, 0.05f, 0.55f, -3.0f};
  const std::vector<float> importance{1, 2, 3, 4, 5, 6, 7, 8};
  const testing::Sample sample{"scattered", 1, 8, weights};
  const testing::Sample back = testing::stored(*bound, sample, importance);
  for (std::int32_t g = 0; g < 3; ++g) {
    testing::Sample own{"group", 1, 0, {}};
    std::vector<float> own_importance, found;
    for (std::size_t i = 0; i < 8; ++i)
      if (groups[i] == g) {
        own.values.push_back(weights[i]);
        own_importance.push_back(importance[i]);
        found.push_back(back.values[i]);
      }
    own.cols = static_cast<std::int64_t>(own.values.size());
    CHECK(testing::stored(*make("bits=4,group=-1,zero=" + zero), own, own_importance).values == found);
  }
  // The codec that chooses column by column fits all groups at once; without feedback it gives the same row.
  const auto codec = bound->column_codec(1, 8, Effort::normal);
  CHECK(codec->fit_cols() == 8);
  CHECK(testing::encoding_checks::run_columns(*bound, sample, *codec, importance, 0.0).rounded.values ==
        back.values);
  AffineRow view;
  const auto bytes = testing::encode(*bound, sample.matrix(), importance);
  if (!bound->unpack_affine(bytes, 8, view)) return;  // a real zero
  CHECK(testing::encoding_checks::values_of(view) == back.values);
  std::vector<std::byte> again(bytes.size());
  REQUIRE(bound->pack_affine(view, again));
  CHECK(affine_test::decoded(*bound, again, 8) == back.values);
  CHECK_FALSE(make("bits=4,group=3")->pack_affine(view, again));
}

TEST_CASE("affine: codes can be chosen again in any order, with the scales as they are",
          "[affine][columns]") {
  const std::string options = GENERATE("bits=3,group=16", "bits=4,group=16,act_order=true,zero=offset");
  const auto encoding = make(options);
  testing::Sample sample = testing::gaussian(3, 64, 31);
  const auto codec = encoding->column_codec(3, 64, Effort::normal);
  REQUIRE(codec->can_revise());
  const auto first = testing::encoding_checks::run_columns(*encoding, sample, *codec, {}, 0.0);
  std::vector<float> rounded(3);
  for (std::int64_t c = 63; c >= 0; --c) {
    const std::vector<float> other{5.0f, first.rounded.values[static_cast<std::size_t>(64 + c)], -5.0f};
    codec->revise(c, {other.data(), 3, 1, 1}, {rounded.data(), 3, 1, 1});
    CHECK(rounded[1] == other[1]);
  }
  std::vector<std::byte> bytes(encoding->row_bytes(64));
  codec->emit(1, bytes);
  CHECK(affine_test::decoded(*encoding, bytes, 64) ==
        std::vector<float>(first.rounded.values.begin() + 64, first.rounded.values.begin() + 128));
  codec->emit(0, bytes);
  const AffineRows rows(parse_affine_spec(encoding->info().spec), 64);
  for (std::size_t i = 0; i < 64; ++i) CHECK(rows.code(bytes.data(), i) == rows.max_code());
}

TEST_CASE("affine: groups that do not exist and lists of a wrong length are refused", "[affine][act_order]") {
  const auto encoding = make("bits=4,group=4,act_order=true");
  CHECK(encoding->shared_bytes(8) == 32);
  CHECK_THROWS_WITH(encoding->bind(shared_of({0, 1, 2, 0, 0, 0, 0, 0}), 8),
                    "column 2 belongs to group 2 (g_idx), but groups are numbered from 0 to 1");
  CHECK_THROWS_AS(encoding->bind(shared_of({0, -1, 1, 0, 0, 0, 0, 0}), 8), FormatError);
  CHECK_THROWS_WITH(encoding->bind(shared_of({0, 1}), 8),
                    "the groups of 8 columns (g_idx) need 32 bytes, not 8");
  CHECK(make("bits=4,group=4")->shared_bytes(8) == 0);
  CHECK_THROWS_AS(make("bits=4,group=4")->bind(shared_of({0, 1}), 8), FormatError);
}

TEST_CASE("affine: rows with impossible numbers are found", "[affine]") {
  const auto encoding = make("bits=4,group=4");
  auto row = bytes_of({0x00, 0x3C, 16, 0, 0});
  CHECK_FALSE(encoding->check_rows(row, 4));
  row[2] = std::byte{17};
  CHECK(encoding->check_rows(row, 4) == "the zero of group 0 of a row is 17, more than 16");
  row = bytes_of({0x00, 0x7C, 8, 0, 0});
  CHECK(encoding->check_rows(row, 4) == "the scale of group 0 of a row is not a finite number");
  row = bytes_of({0x00, 0x3C, 0x00, 0x7E, 0, 0});
  CHECK(make("bits=4,group=4,zero=float")->check_rows(row, 4) ==
        "the zero of group 0 of a row is not a finite number");
}
