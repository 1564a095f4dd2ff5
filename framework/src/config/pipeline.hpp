// A pipeline file as typed data. Names of components stay nodes: the planner resolves them against the registry.
#pragma once

#include <polyquant/base/node.hpp>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace pq {

/// One line of `rules:`: tensors whose name (view or source name) matches the regular expression, or whose role is equal, get the encoding.
struct Rule {
  std::string match;  // as written
  Node encoding;
  Mark mark;
};

enum class Lossless { no, prefer, require };

struct OutputSpec {
  Mark mark;
  Node format;               // name or {type:, ...}
  std::filesystem::path to;  // absolute or relative to the working directory
  Mark to_mark;
  std::string recipe;  // exactly one of recipe, encoding, allocate (or none: keep what is stored)
  Mark recipe_mark;
  Node encoding;
  Node quantizer;  // null = rtn
  std::vector<Rule> rules;
  std::string fallback;  // spec of the encoding for tensors whose columns do not fit; "" = refuse
  Mark fallback_mark;
  std::optional<Lossless> lossless;
  Mark lossless_mark;
  Node options;  // of the format
};

/// `calibration:`, the texts on which activations are measured.
struct CalibrationSpec {
  struct Source {
    std::filesystem::path path;
    double weight = 1;  // share of the samples
    Mark mark;
  };
  Mark mark;
  std::vector<Source> sources;
  std::int64_t samples = 128, length = 512;  // tokens
  std::uint64_t seed = 0;
  std::string activations = "auto";
  bool quantized_inputs = false;  // inputs: quantized
  Mark inputs_mark;
};

struct Pipeline {
  std::filesystem::path file;  // "" if made from the command line
  std::filesystem::path model;
  Mark model_mark;
  Node backend;  // null = auto
  int threads = 0;
  std::string effort = "normal";
  std::optional<CalibrationSpec> calibration;
  std::filesystem::path imatrix;
  Mark imatrix_mark;
  std::vector<OutputSpec> outputs;
  Node recipes;
  std::filesystem::path report;
  Mark report_mark;
  std::filesystem::path work;
  Mark work_mark;
};

/// Checks keys and types of a pipeline tree; relative paths are relative to `base`. Throws ConfigError at the place, with suggestions.
PQ_API Pipeline parse_pipeline(const Node& root, const std::filesystem::path& base);

}  // namespace pq
