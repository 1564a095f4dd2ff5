#include "model/expression.hpp"
#include "model/scope.hpp"

#include <polyquant/base/error.hpp>

#include <catch2/catch.hpp>

using namespace pq;
using Catch::Matchers::Contains;

namespace {

Json value(const std::string& text, const std::string& config = "{}") {
  static const std::map<std::string, Expression> kLet = {
      {"heads", Expression::parse("num_heads | n_head")},
      {"head_dim", Expression::parse("head_dim | hidden // heads")},
      {"rope", Expression::parse("rope_parameters | rope_scaling")}};
  const Json json = parse_json(config, "config.json");
  const Json defaults = parse_json(R"({"theta": 10000.0})", "defaults");
  return Expression::parse(text).evaluate(ConfigScope(&kLet, json, defaults, "config.json"));
}

}  // namespace

TEST_CASE("expression: arithmetic keeps integers and follows the usual precedence", "[model]") {
  CHECK(value("2 + 3 * 4 - 1") == Json(13));
  CHECK(value("(2 + 3) * 4") == Json(20));
  CHECK(value("7 // 2") == Json(3));
  CHECK(value("-7 // 2") == Json(-4));
  CHECK(value("7 % 3") == Json(1));
  CHECK(value("7 / 2") == Json(3.5));
  CHECK(value("0.25 * 64") == Json(16.0));
  CHECK(value("int(0.75 * 16)") == Json(12));
}

TEST_CASE("expression: comparison and logic", "[model]") {
  CHECK(value("1 < 2 and not (2 < 1)") == Json(true));
  CHECK(value("'yarn' in ['linear', 'yarn']") == Json(true));
  CHECK(value("null == missing or false") == Json(true));
  CHECK(value("1 == 1.0") == Json(true));
  CHECK(value("if(1 > 2, 'a', 'b')") == Json("b"));
}

TEST_CASE("expression: the first value that is not null counts", "[model]") {
  CHECK(value("a | b | 3") == Json(3));
  CHECK(value("a | b | 3", R"({"b": 2})") == Json(2));
  CHECK(value("a | 5", R"({"a": null})") == Json(5));
  CHECK(value("a | 5", R"({"a": 0})") == Json(0));
}

TEST_CASE("expression: names are lets, keys with dots, then defaults", "[model]") {
  CHECK(value("rope.factor", R"({"rope_scaling": {"factor": 4}})") == Json(4));
  CHECK(value("head_dim", R"({"hidden": 64, "n_head": 4})") == Json(16));
  CHECK(value("head_dim", R"({"hidden": 64, "n_head": 4, "head_dim": 32})") == Json(32));
  CHECK(value("theta") == Json(10000.0));
  CHECK(value("theta", R"({"theta": null})") == Json());  // an explicit null is no reason for a default
}

TEST_CASE("expression: a missing key is named by the key of the file", "[model]") {
  CHECK_THROWS_WITH(value("head_dim", R"({"hidden": 64})"),
                    Contains("config.json: key 'num_heads' is missing"));
  CHECK_THROWS_WITH(value("a + 1"), Contains("key 'a' is missing"));
}

TEST_CASE("expression: what cannot be computed is an error, not a number", "[model]") {
  CHECK_THROWS_AS(value("1 // 0"), FormatError);
  CHECK_THROWS_AS(value("9223372036854775807 + 1"), FormatError);
  CHECK_THROWS_AS(value("'a' * 2"), FormatError);
  CHECK_THROWS_AS(value("int(1e300)"), FormatError);
  CHECK_THROWS_AS(value("no_such_function(1)"), ConfigError);
}

TEST_CASE("expression: syntax errors name the place", "[model]") {
  CHECK_THROWS_WITH(Expression::parse("1 +"), Contains("character 4"));
  CHECK_THROWS_AS(Expression::parse("(1"), ConfigError);
  CHECK_THROWS_AS(Expression::parse("a b"), ConfigError);
  CHECK_THROWS_AS(Expression::parse("if(1, 2)"), ConfigError);
  CHECK_THROWS_AS(Expression::parse("'open"), ConfigError);
  CHECK_THROWS_AS(Expression::parse(std::string(1000, '(')), ConfigError);
}

TEST_CASE("expression: texts are filled in", "[model]") {
  const Json config = parse_json(R"({"n": 3, "kind": "yarn", "f": 0.5})", "c");
  const Json none;
  CHECK(fill_in("a {kind} of {n + 1} and {f}", ConfigScope(nullptr, config, none, "c")) ==
        "a yarn of 4 and 0.5");
}

TEST_CASE("metadata scope: keys are found with and without the architecture, and f32 values are short",
          "[model]") {
  Metadata metadata;
  metadata.set("llama.attention.eps", 1e-5f);
  metadata.set("general.name", std::string("x"));
  const MetadataScope scope(metadata, "llama");
  CHECK(Expression::parse("attention.eps").evaluate(scope) == Json(1e-5));
  CHECK(Expression::parse("general.name").evaluate(scope) == Json("x"));
}

TEST_CASE("expression: each() and where() go through a list or count up to a number", "[model]") {
  CHECK(value("each(i, 4, (i + 1) % 2)") == value("[1, 0, 1, 0]"));
  CHECK(value("each(t, types, t == 'a')", R"({"types": ["a", "b"]})") == value("[true, false]"));
  CHECK(value("where(i, 5, i >= 3)") == value("[3, 4]"));
  CHECK(value("each(i, 2, each(j, 2, i * 10 + j))") == value("[[0, 1], [10, 11]]"));
  CHECK(value("length(where(i, 0, true))") == Json(0));
  CHECK(value("item(['a', 'b'], 1)") == Json("b"));
  CHECK(value("item(['a', 'b'], 2)").is_null());
  CHECK(value("item(missing, 0)").is_null());
  CHECK_THROWS_WITH(value("each(i, 'text', i)"), Contains("text"));
  CHECK_THROWS_AS(value("each(i, 99999999, i)"), FormatError);
  CHECK_THROWS_AS(Expression::parse("each(1, 2, 3)"), ConfigError);
}

TEST_CASE("expression: key() is the key of the file behind a let of the same name", "[model]") {
  CHECK(value("key('head_dim')", R"({"hidden": 64, "n_head": 4})") == Json());
  CHECK(value("key('head_dim')", R"({"head_dim": 32})") == Json(32));
}

TEST_CASE("expression: has_tensor() asks for stored tensors, of a layer too", "[model]") {
  const Json config = parse_json("{}", "config.json"), defaults;
  ConfigScope scope(nullptr, config, defaults, "config.json");
  CHECK(Expression::parse("has_tensor('a')").evaluate(scope) == Json(false));
  scope.set_tensors([](const std::string& name) { return name == "blk.3.a"; });
  CHECK(Expression::parse("has_tensor('blk.N.a', 3)").evaluate(scope) == Json(true));
  CHECK(Expression::parse("where(i, 5, has_tensor('blk.N.a', i))").evaluate(scope) ==
        Json(Json::Array{Json(3)}));
}
