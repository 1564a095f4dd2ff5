#include "run/range_check.hpp"

#include "built_plugins.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

using namespace pq;

namespace {

constexpr std::size_t kCols = 512, kAt = 37;

/// Usual weights, and one that is as large as wanted.
std::vector<float> row_with(float weight) {
  std::mt19937 random(1);
  std::vector<float> row(kCols);
  for (float& w : row) w = static_cast<float>(random() % 2001) * 1e-4f - 0.1f;
  row[kAt] = weight;
  return row;
}

/// Whether a run refuses the row; `importance` as in EncodeRequest.
bool is_refused(const std::string& spec, const std::vector<float>& row, std::span<const float> importance) {
  const auto encoding = test::registry().encoding(Node::scalar(spec));
  const Matrix wanted{const_cast<float*>(row.data()), 1, kCols, kCols};
  std::vector<std::byte> bytes(encoding->row_bytes(kCols));
  encoding->encoder({kCols, importance, Effort::normal})->encode(wanted, bytes);
  std::vector<float> got(kCols);
  encoding->decode(bytes, Matrix{got.data(), 1, kCols, kCols});
  try {
    check_range("t", 3, *encoding, largest_stored(*encoding, kCols), row, got, row_error(row, got));
    return false;
  } catch (const VerifyError&) {
    return true;
  }
}

}  // namespace

TEST_CASE("range check: weights that no scale reaches are refused, with every encoding of 16-bit scales",
          "[run][unit]") {
  const std::string spec =
      GENERATE("f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "iq1_s",
               "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_nl", "iq4_xs", "tq1_0",
               "tq2_0", "affine:group=32", "affine:bits=4,group=128,symmetric=true", "int8");
  CAPTURE(spec);
  CHECK(is_refused(spec, row_with(8.5e37f), {}));
  CHECK(is_refused(spec, row_with(-1e9f), {}));
  CHECK_FALSE(is_refused(spec, row_with(60000), {}));
  CHECK(largest_stored(*test::registry().encoding(Node::scalar(spec)), kCols) == 65504.0f);
}

TEST_CASE("range check: encodings of a narrower range refuse what it cuts", "[run][unit]") {
  const auto [spec, most] = GENERATE(table<std::string, float>({{"nvfp4", 2688}, {"fp8_e4m3", 448}}));
  CAPTURE(spec);
  CHECK(is_refused(spec, row_with(60000), {}));
  CHECK(is_refused(spec, row_with(1.5f * most), {}));
  CHECK_FALSE(is_refused(spec, row_with(-most), {}));
  const float largest = largest_stored(*test::registry().encoding(Node::scalar(spec)), kCols);
  CHECK(largest >= most / 2);
  CHECK(largest < 1.5f * most);
}

TEST_CASE("range check: large weights that are stored, or lost for another reason, pass", "[run][unit]") {
  const std::string spec =
      GENERATE("f32", "bf16", "nf4", "fp4", "mxfp4", "q4_0", "q5_1", "q8_0", "q2_k", "q4_k", "q6_k", "iq1_s",
               "iq1_m", "iq2_xxs", "iq2_xs", "iq2_s", "iq3_xxs", "iq3_s", "iq4_nl", "iq4_xs", "tq1_0",
               "tq2_0", "affine:group=32", "affine:bits=4,group=128,symmetric=true");
  CAPTURE(spec);
  CHECK_FALSE(is_refused(spec, row_with(70000), {}));
  std::vector<float> importance(kCols, 1.0f);
  importance[kAt] = 0;
  CHECK_FALSE(is_refused(spec, row_with(-70000), importance));
}

TEST_CASE("range check: f32 scales hold weights of any size", "[run][unit]") {
  const std::string spec = GENERATE("f32", "bf16", "nf4", "fp4", "nf4:double_quant=true");
  CAPTURE(spec);
  CHECK_FALSE(is_refused(spec, row_with(8.5e37f), {}));
}

TEST_CASE("range check: the sentence names tensor, row, weight, what is left of it and the cure",
          "[run][unit]") {
  const auto q4_0 = test::registry().encoding(Node::scalar("q4_0"));
  const std::vector<float> row = row_with(8.5e37f), got = row_with(524032);
  CHECK_THROWS_WITH(check_range("blk.0.up", 3, *q4_0, 65504, row, got, row_error(row, got)),
                    "tensor 'blk.0.up', row 3: the weight 8.5e+37 is beyond what q4_0 can store and would be "
                    "read back as 524032; choose bf16 or f32, or add a rule for this tensor");
}
