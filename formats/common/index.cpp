#include "common/index.hpp"

#include "common/plain_name.hpp"
#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

namespace pq::hf {
WeightMap parse_index(std::string_view text, const std::string& where) {
  const nlohmann::json root = parse_strict_json(text, where);
  const auto weights = root.is_object() ? root.find("weight_map") : root.end();
  if (!root.is_object() || weights == root.end() || !weights->is_object() || weights->empty())
    throw FormatError(where + ": has no weight_map with the tensors and their files; fetch the file again");
  WeightMap result;
  for (const auto& [tensor, file] : weights->items()) {
    if (!file.is_string())
      throw FormatError(fmt::format("{}: the file of tensor {} must be a string", where, shown(tensor)));
    const auto& name = file.get_ref<const std::string&>();
    if (!is_plain_name(name))
      throw FormatError(fmt::format(
          "{}: tensor {} is said to be in {}, which is no plain file name; it could lead out of the folder",
          where, shown(tensor), shown(name)));
    result.emplace(tensor, name);
  }
  return result;
}

std::string serialize_index(const WeightMap& weights, std::uint64_t total_bytes) {
  // transformers: json.dumps(index, indent=2, sort_keys=True) + "\n", which writes anything but ASCII as \uXXXX.
  const nlohmann::json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", weights}};
  return index.dump(2, ' ', true) + "\n";
}

}  // namespace pq::hf
