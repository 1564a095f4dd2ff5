#include "config/pipeline_text.hpp"

#include <catch2/catch.hpp>

#include <string>

TEST_CASE("pipelines are told from the files of a model", "[config]") {
  CHECK(pq::looks_like_pipeline(""));
  CHECK(pq::looks_like_pipeline("\n \n"));
  CHECK(pq::looks_like_pipeline("# mine\n---\n\nversion: 1\nmodel: [broken\n"));
  CHECK(pq::looks_like_pipeline("model : x\r\n"));
  CHECK(pq::looks_like_pipeline("\xEF\xBB\xBFversion: 1\nmodel: x\n"));
  CHECK(pq::looks_like_pipeline("%YAML 1.2\n---\nmodel: x\n"));
  CHECK(pq::looks_like_pipeline("\"version\": 1\n\"model\": ${HOME}/x\n"));
  CHECK(pq::looks_like_pipeline("{version: 1, model: x, outputs: []}"));
  CHECK(pq::looks_like_pipeline("# only words\n"));
  CHECK_FALSE(pq::looks_like_pipeline("version: \"3\"\nservices:\n  web: {image: nginx}\n"));
  CHECK_FALSE(pq::looks_like_pipeline("version: 1\n"));
  CHECK_FALSE(pq::looks_like_pipeline("model: x\nservices: [\n"));
  CHECK_FALSE(pq::looks_like_pipeline(R"({"model_type": "llama", "version": 1})"));
  CHECK_FALSE(pq::looks_like_pipeline("{\n  \"version\": \"1.0\",\n  \"model\": {}\n}"));
  CHECK_FALSE(pq::looks_like_pipeline("# A model card\n\nThis model is small.\n\nversion: 1\n"));
  CHECK_FALSE(pq::looks_like_pipeline("---\nlicense: mit\n---\n"));
  CHECK_FALSE(pq::looks_like_pipeline("modelling: x\n"));
  CHECK_FALSE(pq::looks_like_pipeline(std::string("version: 1\0", 11)));
}
