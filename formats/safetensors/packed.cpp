#include "safetensors/packed.hpp"

#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <limits>

namespace pq::hf {
namespace {

Shape parse_shape(const nlohmann::json& value, const std::string& where) {
  constexpr std::size_t kMaxDims = 8;
  if (!value.is_array() || value.empty() || value.size() > kMaxDims)
    throw FormatError(fmt::format("{}: 'shape' must be a list of 1 to {} integers", where, kMaxDims));
  Shape shape;
  std::uint64_t count = 1;
  for (const auto& item : value) {
    const auto size =
        item.is_number_unsigned() ? checked_mul(count, item.get<std::uint64_t>()) : std::nullopt;
    if (!size || *size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      throw FormatError(
          fmt::format("{}: 'shape' must hold non-negative integers whose product fits into 63 bits", where));
    count = *size;
    shape.push_back(item.get<std::int64_t>());
  }
  return shape;
}

}  // namespace

std::string packed_metadata(const std::map<std::string, PackedTensor>& tensors) {
  auto json = nlohmann::json::object();
  for (const auto& [name, tensor] : tensors)
    json[name] = {{"encoding", tensor.encoding}, {"shape", tensor.shape}};
  return json.dump();
}

std::map<std::string, PackedTensor> parse_packed(const std::string& text, const std::string& place) {
  const std::string where = place + ": __metadata__ " + kPackedKey;
  const auto json = parse_strict_json(text, where);
  if (!json.is_object()) throw FormatError(where + " must be an object of tensors");
  std::map<std::string, PackedTensor> tensors;
  for (const auto& [name, value] : json.items()) {
    const std::string tensor = fmt::format("{}: tensor {}", where, shown(name));
    if (!value.is_object() || !value.contains("encoding") || !value["encoding"].is_string() ||
        !value.contains("shape"))
      throw FormatError(tensor + " must have 'encoding' (text) and 'shape'");
    tensors[name] = {value["encoding"].get<std::string>(), parse_shape(value["shape"], tensor)};
  }
  return tensors;
}

Shape packed_shape(const Shape& shape, std::uint64_t row_bytes) {
  Shape packed = shape.empty() ? Shape{1} : shape;
  packed.back() = static_cast<std::int64_t>(row_bytes);
  return packed;
}

void unpack_header(ModelHeader& header, const std::string& place) {
  const MetaValue* value = header.metadata.find(kPackedKey);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (text == nullptr) return;
  std::map<std::string, TensorInfo*> by_name;
  for (TensorInfo& tensor : header.tensors) by_name.emplace(tensor.name, &tensor);
  for (const auto& [name, packed] : parse_packed(*text, place)) {
    const auto at = by_name.find(name);
    const std::string tensor = fmt::format("{}: {}: tensor {}", place, kPackedKey, shown(name));
    if (at == by_name.end()) throw FormatError(tensor + " is not in the file");
    TensorInfo* found = at->second;
    if (found->encoding != "u8" || found->shape != packed_shape(packed.shape, found->row_bytes))
      throw FormatError(fmt::format("{} is stored as {} {}, which cannot hold the rows of {}", tensor,
                                    found->encoding, to_string(found->shape), to_string(packed.shape)));
    found->encoding = packed.encoding;
    found->shape = packed.shape;
  }
  header.metadata.erase(kPackedKey);
}

}  // namespace pq::hf
