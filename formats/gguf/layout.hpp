// Deciding where every byte of an output will be, before anything is written.
#pragma once

#include "options.hpp"

#include <polyquant/format.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace pq::gguf {

/// One file of an output: its header, then tensors [first, last) of the model.
struct FilePlan {
  std::string name;
  std::vector<std::byte> header;  // with its padding
  std::size_t first = 0, last = 0;
  std::uint64_t bytes = 0;
};

struct Plan {
  std::vector<FilePlan> files;
  std::vector<OutputLayout::Place> places;  // by tensor
  std::vector<std::uint64_t> tensor_bytes;  // without padding
  OutputLayout layout() const;
};

/// Throws ConfigError for what GGUF cannot express.
Plan make_plan(const std::filesystem::path& path, const OutputModel& model, const Options& options);

}  // namespace pq::gguf
