#include "report/compare_report.hpp"
#include "report/json_values.hpp"
#include "report/text_table.hpp"

#include <catch2/catch.hpp>

#include <limits>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

Comparison two_tensors() {
  Comparison comparison;
  Difference small, large;
  small.weights = 4;
  small.squared_error = 1;
  small.squared_reference = 100;
  small.max_abs = 0.5;
  large = small;
  large.squared_error = 25;
  comparison.tensors = {{"small", {2, 2}, "bf16", "q8_0", small}, {"large", {2, 2}, "bf16", "q4_0", large}};
  comparison.total.add(small);
  comparison.total.add(large);
  comparison.not_compared = {{"gone", "only in A"}};
  return comparison;
}

}  // namespace

TEST_CASE("compare report: the JSON has the contract's keys", "[report][unit]") {
  const auto json = comparison_json(two_tensors());
  CHECK(json.at("relative_error") == 0.13);
  const auto& first = json.at("tensors").at(0);
  CHECK(first.at("name") == "small");
  CHECK(first.at("shape") == nlohmann::ordered_json({2, 2}));
  CHECK(first.at("encoding_a") == "bf16");
  CHECK(first.at("encoding_b") == "q8_0");
  CHECK(first.at("rmse") == 0.5);
  CHECK(first.at("relative_error") == 0.01);
  CHECK(first.at("max_abs") == 0.5);
  CHECK(json.at("not_compared").at(0).at("reason") == "only in A");
}

TEST_CASE("compare report: figures spoilt by NaN are null in JSON and come first in the table",
          "[report][unit]") {
  Comparison comparison = two_tensors();
  comparison.tensors[0].difference.non_finite = 2;
  const auto json = comparison_json(comparison);
  CHECK(json.at("tensors").at(0).at("relative_error").is_null());
  CHECK(json.at("tensors").at(0).at("non_finite") == 2);
  CHECK_THAT(comparison_text(comparison, 1), Contains("NaN") && Contains("[2, 2]  small"));
}

TEST_CASE("compare report: the table lists the worst tensors first and says how many are left",
          "[report][unit]") {
  const std::string text = comparison_text(two_tensors(), 1);
  CHECK_THAT(text, Contains("[2, 2]  large") && Contains("and 1 more") && Contains("only in A"));
}

TEST_CASE("text table: columns are aligned by characters, the last one is not padded", "[report][unit]") {
  CHECK(text_table({{"a", "1", "x"}, {"\xC3\xA9\xC3\xA9", "22", "y"}}, {false, true, false}) ==
        "a    1  x\n\xC3\xA9\xC3\xA9  22  y\n");
}

TEST_CASE("json values: f32 is written with its own digits, NaN as null", "[report][unit]") {
  CHECK(json_number(1e-5f).dump() == "1e-05");
  CHECK(json_number(0.1f).dump() == "0.1");
  CHECK(json_number(std::numeric_limits<float>::infinity()).is_null());
  CHECK(json_number(std::numeric_limits<double>::quiet_NaN()).is_null());
}

TEST_CASE("json values: every metadata type becomes its JSON kind", "[report][unit]") {
  Metadata metadata;
  metadata.set("u8", std::uint8_t{200});
  metadata.set("i64", std::int64_t{-5});
  metadata.set("u64", std::numeric_limits<std::uint64_t>::max());
  metadata.set("flag", true);
  metadata.set("flags", BoolArray{{1, 0}});
  metadata.set("bytes", std::vector<std::uint8_t>{1, 255});
  metadata.set("texts", std::vector<std::string>{"a", "b"});
  CHECK(
      json_of(metadata).dump() ==
      R"({"u8":200,"i64":-5,"u64":18446744073709551615,"flag":true,"flags":[true,false],"bytes":[1,255],"texts":["a","b"]})");
}
