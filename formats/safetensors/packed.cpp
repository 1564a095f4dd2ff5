#include "safetensors/packed.hpp"

#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <limits>
#include <set>
#include <string_view>

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

Bytes shared_bytes(const TensorStore& store, const std::string& name, const std::string& where) {
  const auto at = store.find(name);
  if (!at)
    throw FormatError(fmt::format("{}: {}, which its rows share, is not in the file", where, shown(name)));
  const StoredTensor& stored = store.tensors()[*at];
  if (stored.dtype != find_dtype("U8") || stored.shape.size() != 1 || stored.bytes > kMaxSharedBytes)
    throw FormatError(
        fmt::format("{}: {}, which its rows share, is {} {} instead of one row of at most {} bytes of U8",
                    where, shown(name), stored.dtype->name, to_string(stored.shape), kMaxSharedBytes));
  return store.bytes(*at);
}

}  // namespace

std::string packed_metadata(const std::map<std::string, PackedTensor>& tensors) {
  auto json = nlohmann::json::object();
  for (const auto& [name, tensor] : tensors) {
    json[name] = {{"encoding", tensor.encoding}, {"shape", tensor.shape}};
    if (!tensor.shared.empty()) json[name]["shared"] = tensor.shared;
  }
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
    if (!value.contains("shared")) continue;
    if (!value["shared"].is_string() || value["shared"].get_ref<const std::string&>().empty())
      throw FormatError(tensor + ": 'shared' must be the name of a tensor");
    tensors[name].shared = value["shared"].get<std::string>();
  }
  return tensors;
}

Shape packed_shape(const Shape& shape, std::uint64_t row_bytes) {
  Shape packed = shape.empty() ? Shape{1} : shape;
  packed.back() = static_cast<std::int64_t>(row_bytes);
  return packed;
}

void unpack_header(ModelHeader& header, const TensorStore& store) {
  const MetaValue* value = header.metadata.find(kPackedKey);
  const auto* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  if (text == nullptr) return;
  const std::string place = store.path().string();
  const auto all = parse_packed(*text, place);
  std::set<std::string_view> taken;
  for (const auto& [name, packed] : all) {
    const std::string tensor = fmt::format("{}: {}: tensor {}", place, kPackedKey, shown(name));
    const auto at = store.find(name);
    if (!at) throw FormatError(tensor + " is not in the file");
    TensorInfo& found = header.tensors[*at];
    if (found.encoding != "u8" || found.shape != packed_shape(packed.shape, found.row_bytes))
      throw FormatError(fmt::format("{} is stored as {} {}, which cannot hold the rows of {}", tensor,
                                    found.encoding, to_string(found.shape), to_string(packed.shape)));
    found.encoding = packed.encoding;
    found.shape = packed.shape;
    if (packed.shared.empty()) continue;
    if (all.contains(packed.shared) || !taken.insert(packed.shared).second)
      throw FormatError(fmt::format("{}: {} belongs to another tensor", tensor, shown(packed.shared)));
    const Bytes shared = shared_bytes(store, packed.shared, tensor);
    found.shared.assign(shared.begin(), shared.end());
    found.stored_bytes = found.bytes() + shared.size();
  }
  std::erase_if(header.tensors, [&](const TensorInfo& tensor) { return taken.contains(tensor.name); });
  header.metadata.erase(kPackedKey);
}

}  // namespace pq::hf
