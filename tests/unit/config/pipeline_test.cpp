#include "config/pipeline.hpp"

#include "config/message_of.hpp"
#include "config/yaml.hpp"

#include <catch2/catch.hpp>

namespace {

pq::Pipeline parse(const std::string& yaml) {
  return pq::parse_pipeline(pq::parse_yaml(yaml, "pipeline.yaml"), "/base");
}

std::string error_of(const std::string& yaml) {
  return message_of([&] { parse(yaml); });
}

// A pipeline with one output that has these further lines, each indented by four blanks.
std::string with_output(const std::string& lines) {
  return "version: 1\nmodel: m\noutputs:\n  - format: gguf\n    to: a.gguf\n" + lines;
}

}  // namespace

TEST_CASE("pipeline: a whole pipeline becomes typed data, with paths relative to its folder",
          "[config][pipeline]") {
  const pq::Pipeline p = parse(
      "version: 1\nmodel: ../models/m\nbackend: auto\nthreads: 2\neffort: best\nwork: state\nimatrix: "
      "m.dat\nreport: "
      "out/report.json\noutputs:\n"
      "  - {format: gguf, recipe: q4_0, to: out/a.gguf}\n"
      "  - format: {type: safetensors}\n    encoding: {type: affine, bits: 4}\n    quantizer: rtn\n    to: "
      "/abs/b/\n    fallback: f16\n"
      "    lossless: prefer\n    options: {shard: 1}\n    rules:\n      - {match: ffn_down, encoding: "
      "q8_0}\n");
  CHECK(p.model == "/models/m");
  CHECK(p.backend.is_null());
  CHECK(p.threads == 2);
  CHECK(p.effort == "best");
  CHECK(p.imatrix == "/base/m.dat");
  CHECK(p.report == "/base/out/report.json");
  CHECK(p.work == "/base/state");
  REQUIRE(p.outputs.size() == 2);
  CHECK(p.outputs[0].to == "/base/out/a.gguf");
  CHECK(p.outputs[0].recipe == "q4_0");
  CHECK(p.outputs[0].mark.to_string() == "pipeline.yaml:10:5");
  CHECK(p.outputs[0].quantizer.is_null());
  CHECK_FALSE(p.outputs[0].lossless.has_value());
  CHECK(p.outputs[1].to == "/abs/b");
  CHECK(p.outputs[1].encoding.find("bits")->text() == "4");
  CHECK(p.outputs[1].fallback == "f16");
  CHECK(p.outputs[1].lossless == pq::Lossless::prefer);
  CHECK(p.outputs[1].options.find("shard") != nullptr);
  REQUIRE(p.outputs[1].rules.size() == 1);
  CHECK(p.outputs[1].rules[0].match == "ffn_down");
  CHECK(p.outputs[1].rules[0].encoding.text() == "q8_0");
}

TEST_CASE("pipeline: defaults", "[config][pipeline]") {
  const pq::Pipeline p = parse(with_output("    recipe: q8_0\n"));
  CHECK(p.effort == "normal");
  CHECK(p.threads == 0);
  CHECK(p.report.empty());
}

TEST_CASE("pipeline: an unknown key is refused with its place and the nearest known one",
          "[config][pipeline]") {
  CHECK(error_of(with_output("    recipe: q8_0\n    quantiser: rtn\n")) ==
        "pipeline.yaml:7:5: unknown key 'quantiser' in outputs[0]; did you mean 'quantizer'?");
  CHECK(error_of("version: 1\nmodle: m\n") ==
        "pipeline.yaml:2:1: unknown key 'modle' in the pipeline; did you mean 'model'?");
  CHECK(error_of(with_output("    recipe: q8_0\n    rules:\n      - {matsch: x, encoding: q8_0}\n")) ==
        "pipeline.yaml:8:10: unknown key 'matsch' in outputs[0].rules[0]; did you mean 'match'?");
}

TEST_CASE("pipeline: missing keys are named", "[config][pipeline]") {
  CHECK(error_of("model: m\n") ==
        "pipeline.yaml:1:1: the key 'version' is missing in the pipeline; add `version: 1`");
  CHECK(
      error_of("version: 1\nmodel: m\n") ==
      "pipeline.yaml:1:1: the key 'outputs' is missing in the pipeline; add `outputs:` and a list below it");
  CHECK(error_of("version: 1\nmodel: m\noutputs: [{to: x, recipe: f16}]\n") ==
        "pipeline.yaml:3:11: the key 'format' is missing in outputs[0]; add `format: NAME`, `polyquant help "
        "formats` lists the names");
  CHECK(error_of("version: 1\nmodel: m\noutputs: [{format:gguf, to: x, recipe: f16}]\n") ==
        "pipeline.yaml:3:12: unknown key 'format:gguf' in outputs[0]; a blank is missing after the colon: "
        "`format: gguf`");
  CHECK(error_of("version: 1\nmodel: m\noutputs: []\n") ==
        "pipeline.yaml:3:10: 'outputs' is empty; add at least one output");
}

TEST_CASE("pipeline: the version must be 1", "[config][pipeline]") {
  CHECK(error_of("version: 2\nmodel: m\noutputs: [{format: gguf, to: x, recipe: f16}]\n") ==
        "pipeline.yaml:1:10: 'version' must be 1, got '2'; this program reads version 1 of the pipeline "
        "language");
  CHECK(error_of("version: one\n") == "pipeline.yaml:1:10: 'version' must be an integer, got 'one'");
}

TEST_CASE("pipeline: exactly one of recipe and encoding", "[config][pipeline]") {
  CHECK(error_of(with_output("    recipe: q8_0\n    encoding: q4_0\n")) ==
        "pipeline.yaml:7:15: outputs[0] has both 'recipe' and 'encoding'; keep one of them");
  CHECK(error_of(with_output("")) ==
        "pipeline.yaml:4:5: outputs[0] does not say how to store the weights; add 'recipe' or 'encoding'");
}

TEST_CASE("pipeline: what this version cannot do is refused at its place", "[config][pipeline]") {
  CHECK(error_of("evaluate: {text: x}\n") ==
        "pipeline.yaml:1:1: 'evaluate' is not available in polyquant 0.1; remove it");
  CHECK(error_of(with_output("    allocate: {target: 4bpw}\n")) ==
        "pipeline.yaml:6:5: 'allocate' is not available in polyquant 0.1; remove it");
  CHECK(error_of(with_output("    recipe: f16\n    card: {title: x}\n")) ==
        "pipeline.yaml:7:5: 'card' is not available in polyquant 0.1; remove it");
}

TEST_CASE("pipeline: wrong types are refused even of keys that this version cannot use",
          "[config][pipeline]") {
  CHECK(error_of("calibration: text.txt\n") == "pipeline.yaml:1:14: 'calibration' must be a map");
  CHECK(error_of("outputs: {format: gguf}\n") == "pipeline.yaml:1:10: 'outputs' must be a list");
  CHECK(error_of("model: [a, b]\n") == "pipeline.yaml:1:8: 'model' must be text, got a list");
  CHECK(error_of("model: ''\n") == "pipeline.yaml:1:8: 'model' is empty");
  CHECK(error_of("model:\nversion: 1\n") ==
        "pipeline.yaml:1:1: 'model' has no value; give one or remove the line");
  CHECK(error_of("outputs: [gguf]\n").find("the key 'version' is missing") != std::string::npos);
  CHECK(error_of("version: 1\nmodel: m\noutputs: [gguf]\n")
            .find("pipeline.yaml:3:11: outputs[0] must be a map with the keys format, to") == 0);
  CHECK(error_of("- a\n").find(
            "pipeline.yaml:1:1: the pipeline must be a map with the keys version, model") == 0);
  CHECK(error_of("").find("the pipeline must be a map") != std::string::npos);
}

TEST_CASE("pipeline: values outside their range are refused", "[config][pipeline]") {
  CHECK(error_of("effort: hard\n") ==
        "pipeline.yaml:1:9: 'effort' must be one of fast, normal, best, got 'hard'");
  CHECK(error_of("threads: -1\n" + with_output("    recipe: f16\n")) ==
        "pipeline.yaml:1:10: 'threads' must be between 0 and 1024, got '-1'");
  CHECK(error_of("threads: two\n") == "pipeline.yaml:1:10: 'threads' must be an integer, got 'two'");
  CHECK(error_of("report: r.html\n" + with_output("    recipe: f16\n")) ==
        "pipeline.yaml:1:9: 'report' must end with .json, got 'r.html'");
  CHECK(error_of(with_output("    recipe: f16\n    lossless: yes\n")) ==
        "pipeline.yaml:7:15: 'lossless' must be one of no, prefer, require, got 'yes'");
}

TEST_CASE("pipeline: a rule's expression is checked at once", "[config][pipeline]") {
  const std::string message =
      error_of(with_output("    recipe: f16\n    rules: [{match: 'a(b', encoding: q8_0}]\n"));
  CHECK(message.find("pipeline.yaml:7:21: 'match': 'a(b' is not a regular expression") == 0);
}

TEST_CASE("pipeline: two outputs cannot share a path", "[config][pipeline]") {
  CHECK(error_of("version: 1\nmodel: m\noutputs:\n  - {format: gguf, to: x, recipe: f16}\n  - {format: gguf, "
                 "to: ./y/../x, recipe: f16}\n") ==
        "pipeline.yaml:5:24: outputs[1] writes to the same path as outputs[0]: /base/x");
}

TEST_CASE("pipeline: an override's mistake is blamed on the override", "[config][pipeline]") {
  pq::Node root = pq::parse_yaml(with_output("    recipe: f16\n"), "pipeline.yaml");
  pq::apply_override(root, "outputs.0.too=b");
  CHECK(message_of([&] { pq::parse_pipeline(root, ""); }) ==
        "--set outputs.0.too: unknown key 'too' in outputs[0]; did you mean 'to'?");
}

TEST_CASE("pipeline: calibration has weighted texts, samples and length", "[config][pipeline]") {
  const std::string rest = "outputs:\n  - {format: gguf, recipe: q4_0, to: a}\n";
  const auto spec = *parse(
                         "version: 1\nmodel: m\ncalibration: {data: [{path: a.txt, weight: 2.5}, /b], "
                         "samples: 3, length: 7, "
                         "seed: 9, activations: file}\n" +
                         rest)
                         .calibration;
  REQUIRE(spec.sources.size() == 2);
  CHECK(spec.sources[0].path == "/base/a.txt");
  CHECK(spec.sources[0].weight == 2.5);
  CHECK(spec.sources[1].path == "/b");
  CHECK(spec.sources[1].weight == 1);
  CHECK(spec.samples == 3);
  CHECK(spec.length == 7);
  CHECK(spec.seed == 9);
  CHECK(spec.activations == "file");
  const auto plain = *parse("version: 1\nmodel: m\ncalibration: {data: a.jsonl}\n" + rest).calibration;
  CHECK(plain.sources.size() == 1);
  CHECK(plain.samples == 128);
  CHECK(plain.length == 512);
}

TEST_CASE("pipeline: calibration refuses what it cannot use, at its place", "[config][pipeline]") {
  const auto error = [](const std::string& value) {
    return error_of("version: 1\nmodel: m\ncalibration: " + value +
                    "\noutputs:\n  - {format: gguf, recipe: q4_0, to: a}\n");
  };
  CHECK(error("{samples: 3}") ==
        "pipeline.yaml:3:14: the key 'data' is missing in calibration; add `data: PATH`");
  CHECK(error("{data: []}") == "pipeline.yaml:3:21: 'data' is empty; give at least one file or folder");
  CHECK(error("{data: {path: a}}") == "pipeline.yaml:3:21: 'data' must be a path or a list of paths");
  CHECK(error("{data: [{path: a, weight: 0}]}") ==
        "pipeline.yaml:3:40: 'weight' must be above 0 and at most 1e9, got '0'");
  CHECK(error("{data: a, samples: 0}") ==
        "pipeline.yaml:3:33: 'samples' must be between 1 and 4294967296, got '0'");
  CHECK_THAT(error("{data: a, inputs: quantize}"), Catch::Contains("must be one of original, quantized"));
}
