#include "model/gguf_tensors.hpp"

#include "model/gguf_names.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <map>

namespace pq {
namespace {

// Experts may stand in any order in the file.
using Experts = std::map<std::size_t, std::size_t>;  // number -> stored tensor

void check_stack(const GgufTensor& tensor, const Experts& experts, const ModelHeader& header,
                 const std::string& place) {
  std::size_t next = 0;
  for (const auto& [expert, stored] : experts) {
    const TensorInfo& info = header.tensors[stored];
    if (expert != next)
      throw FormatError(fmt::format("{}: tensor '{}' is there, but the one of expert {} is missing", place,
                                    info.name, next));
    if (info.shape != tensor.shape)
      throw FormatError(fmt::format("{}: tensor '{}' has the shape {}, that of expert 0 has {}", place,
                                    info.name, to_string(info.shape), to_string(tensor.shape)));
    ++next;
  }
}

}  // namespace

std::vector<GgufTensor> gguf_tensors(const ModelHeader& header, const std::string& place) {
  std::vector<GgufTensor> tensors;
  std::map<std::string, std::size_t> places;
  std::map<std::size_t, Experts> stacks;
  for (std::size_t i = 0; i < header.tensors.size(); ++i) {
    const TensorInfo& info = header.tensors[i];
    const auto name = GgufNames::installed().single_expert(info.name);
    if (!name) {
      tensors.push_back({info.name, info.shape, {i}});
      continue;
    }
    const auto [found, is_new] = places.try_emplace(name->stack, tensors.size());
    if (is_new) tensors.push_back({name->stack, info.shape, {}});
    const auto [other, is_first] = stacks[found->second].emplace(name->expert, i);
    if (!is_first)
      throw FormatError(fmt::format("{}: expert {} of '{}' is there twice: tensors '{}' and '{}'", place,
                                    name->expert, name->stack, header.tensors[other->second].name,
                                    info.name));
  }
  for (const auto& [index, experts] : stacks) {
    GgufTensor& tensor = tensors[index];
    tensor.shape = header.tensors[experts.begin()->second].shape;
    check_stack(tensor, experts, header, place);
    for (const auto& [expert, stored] : experts) tensor.stored.push_back(stored);
    tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(experts.size()));
  }
  return tensors;
}

}  // namespace pq
