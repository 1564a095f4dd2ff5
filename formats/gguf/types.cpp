#include "types.hpp"

#include <algorithm>
#include <iterator>

namespace pq::gguf {
namespace {

constexpr TensorType kTypes[] = {
#include "types.inc"
};

}  // namespace

const TensorType* find_type(std::uint32_t id) noexcept {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes),
                                   [&](const TensorType& type) { return type.id == id; });
  return found == std::end(kTypes) ? nullptr : found;
}

const TensorType* find_type(std::string_view encoding) noexcept {
  const auto* found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TensorType& type) {
    return !type.removed() && type.name == encoding;
  });
  return found == std::end(kTypes) ? nullptr : found;
}

}  // namespace pq::gguf
