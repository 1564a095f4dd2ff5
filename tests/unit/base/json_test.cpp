#include "base/json.hpp"

#include <catch2/catch.hpp>

TEST_CASE("json: of a key given twice the last value counts, in maps of any size", "[base][json]") {
  CHECK(pq::to_json(pq::parse_json(R"({"a": 1, "b": 2, "a": 3})", "x.json"), 0) ==
        "{\n\"a\": 3,\n\"b\": 2\n}");
  std::string large = R"({"architectures": 1)";
  for (int i = 0; i < 5000; ++i) large += ", \"key" + std::to_string(i) + "\": 0";
  const pq::Json json = pq::parse_json(large + R"(, "architectures": 2})", "x.json");
  CHECK(json.object().size() == 5001);
  CHECK(*json.find("architectures") == pq::Json(2));
}
