// The stored tensors of an output: which ones each weight becomes, and where they will be.
#pragma once

#include "bitsandbytes/quant_state.hpp"
#include "common/shard_plan.hpp"

#include <polyquant/format.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace pq::bnb {

/// How a tensor of the output is stored.
enum class Kind { plain, four_bit, int8 };

/// What the spec of an encoding means here.
struct SpecParts {
  Kind kind = Kind::plain;
  std::string type;  // of 4 bits: "nf4", "fp4"
  std::int64_t block = 64;
  bool nested = false;
};
SpecParts parse_spec(const std::string& spec);

/// The numbers of its stored tensors in the plan.
struct Pieces {
  Kind kind = Kind::plain;
  std::size_t codes = 0;                                                   // or the plain tensor
  std::size_t scales = 0, map = 0, ranges = 0, nested_map = 0, state = 0;  // 4 bits
  std::size_t layout = 0;                                                  // int8: weight_format
  QuantState quant;                                                        // 4 bits
};

struct OutputPlan {
  hf::FolderPlan folder;
  std::vector<Pieces> pieces;  // parallel to OutputModel::tensors
  std::vector<SideFile> side_files;
  std::vector<std::string> warnings;  // for the log when the output is begun
};

/// Throws ConfigError for what bitsandbytes or its loader in transformers cannot use. `dtype`: "auto" or a name.
OutputPlan plan_output(const OutputModel& model, const std::string& dtype, std::uint64_t max_shard_bytes);

}  // namespace pq::bnb
