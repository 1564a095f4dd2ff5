#include "bitsandbytes/quant_state.hpp"

#include "common/printable.hpp"
#include "common/strict_json.hpp"

#include <polyquant/base/bytes.hpp>
#include <polyquant/base/error.hpp>

#include <fmt/format.h>

#include <cmath>

namespace pq::bnb {
namespace {

using nlohmann::json;

constexpr std::int64_t kLargestBlock = 1 << 30;
constexpr std::uint64_t kMostWeights = std::uint64_t{1} << 60;

const json* find(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

std::int64_t block_size(const json* value, const char* key, const std::string& where) {
  if (value == nullptr || !value->is_number_integer() || value->get<std::int64_t>() < 1 ||
      value->get<std::int64_t>() > kLargestBlock)
    throw FormatError(
        fmt::format("{}: {} must be an integer of 1 to {}, such as 64", where, key, kLargestBlock));
  return value->get<std::int64_t>();
}

Shape shape_of(const json* value, const std::string& where) {
  const std::string wanted = where + ": shape must be a list of the sizes of the weight, such as [768, 576]";
  if (value == nullptr || !value->is_array() || value->empty() || value->size() > 8)
    throw FormatError(wanted);
  Shape shape;
  std::uint64_t product = 1;
  for (const json& size : *value) {
    if (!size.is_number_integer() || size.get<std::int64_t>() < 1) throw FormatError(wanted);
    shape.push_back(size.get<std::int64_t>());
    const auto next = checked_mul(product, static_cast<std::uint64_t>(shape.back()));
    if (!next || *next > kMostWeights)
      throw FormatError(where + ": the number of weights of its shape overflows");
    product = *next;
  }
  return shape;
}

// Python's repr of a float: the shortest digits that give it back, with a point or an exponent.
std::string python_float(float value) {
  std::string text = fmt::format("{}", static_cast<double>(value));
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

}  // namespace

QuantState parse_state(std::string_view text, const std::string& where) {
  const json object = hf::parse_strict_json(text, where);
  if (!object.is_object()) throw FormatError(where + ": must be a JSON object");
  QuantState state;
  const json* type = find(object, "quant_type");
  if (type == nullptr || !type->is_string() || (*type != "nf4" && *type != "fp4"))
    throw FormatError(where + ": quant_type must be \"nf4\" or \"fp4\"");
  state.type = type->get<std::string>();
  state.block = block_size(find(object, "blocksize"), "blocksize", where);
  state.shape = shape_of(find(object, "shape"), where);
  if (const json* dtype = find(object, "dtype"); dtype != nullptr && dtype->is_string())
    state.dtype = dtype->get<std::string>();
  const json* offset = find(object, "nested_offset");
  if (offset == nullptr) return state;
  state.nested = true;
  state.nested_block = block_size(find(object, "nested_blocksize"), "nested_blocksize", where);
  if (!offset->is_number() || !std::isfinite(static_cast<float>(offset->get<double>())))
    throw FormatError(where + ": nested_offset must be a number in the range of f32");
  state.offset = static_cast<float>(offset->get<double>());
  return state;
}

std::string serialize_state(const QuantState& state, bool padded) {
  constexpr std::size_t kLongestFloat = 24;  // -1.1754943508222875e-38
  std::string text =
      fmt::format("{{\"quant_type\": \"{}\", \"blocksize\": {}, \"dtype\": \"{}\", \"shape\": [{}]",
                  state.type, state.block, state.dtype, fmt::join(state.shape, ", "));
  if (!state.nested) return text + "}";
  text += fmt::format(", \"nested_blocksize\": {}, \"nested_dtype\": \"float32\", \"nested_offset\": ",
                      state.nested_block);
  const std::size_t length = text.size() + kLongestFloat + 1;
  text += python_float(state.offset) + "}";
  if (padded) text.resize(length, ' ');
  return text;
}

}  // namespace pq::bnb
