#include "common/header.hpp"

#include "common/header_sax.hpp"
#include "common/printable.hpp"

#include <polyquant/base/error.hpp>
#include <polyquant/base/text.hpp>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <tuple>

namespace pq::hf {
namespace {

[[noreturn]] void fail(const std::string& where, const std::string& what) {
  throw FormatError(where + ": " + what);
}

// The text of the header, after the checks of its length (rules 1 and 2 of the reference reader).
std::string_view header_text(Bytes file, const std::string& where) {
  if (file.size() < 8)
    fail(where, fmt::format("{} bytes are too few for a safetensors file, which begins with the 8 bytes of "
                            "its header's length; "
                            "fetch the file again",
                            file.size()));
  const auto length = load<std::uint64_t>(file.data());
  if (length > kMaxHeaderBytes)
    fail(where, fmt::format("the header's length {} is above the limit of {} bytes; this is no safetensors "
                            "file, or it is damaged",
                            length, kMaxHeaderBytes));
  if (length > file.size() - 8)
    fail(where, fmt::format("the header of {} bytes does not fit into the file of {} bytes; the file is cut "
                            "off, fetch it again",
                            length, file.size()));
  return {reinterpret_cast<const char*>(file.data()) + 8, static_cast<std::size_t>(length)};
}

// What nlohmann's parser lets through but JSON does not: a byte-order mark in front, and NUL as the end of the text.
void check_text(std::string_view text, const std::string& where) {
  if (!is_utf8(text))
    fail(where, "the header is not valid UTF-8; the file is damaged or no safetensors file");
  const std::size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{')
    fail(where, "the header must be a JSON object; the file is damaged or no safetensors file");
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
    fail(where,
         fmt::format(
             "the header is not valid JSON at its byte {}; the file is damaged or no safetensors file", nul));
}

// Elements of the shape with empty dimensions counted as one, so that products of any dimensions fit into 63 bits.
std::optional<std::uint64_t> bounded_elements(const Shape& shape) noexcept {
  std::uint64_t product = 1;
  for (const std::int64_t dimension : shape) {
    const auto next = checked_mul(product, static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 1)));
    if (!next || *next > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      return std::nullopt;
    product = *next;
  }
  return product;
}

// Rules 3 and 4: contiguous from 0, and every size as the shape says.
void check_tensor(const HeaderTensor& tensor, std::uint64_t start, const std::string& where) {
  const std::string place = fmt::format("{}: tensor {}", where, shown(tensor.name));
  if (tensor.end < tensor.begin)
    fail(place, fmt::format("data_offsets [{}, {}] end before they begin", tensor.begin, tensor.end));
  if (tensor.begin != start)
    fail(place,
         fmt::format("data_offsets [{}, {}] must begin at {}: tensors must follow each other without {}",
                     tensor.begin, tensor.end, start, tensor.begin < start ? "overlap" : "holes"));
  const auto bounded = bounded_elements(tensor.shape);
  if (!bounded || !checked_mul(*bounded, static_cast<std::uint64_t>(tensor.dtype->bits)))
    fail(place,
         fmt::format("the size of shape {} of {} overflows", to_string(tensor.shape), tensor.dtype->name));
  const auto needed = stored_bytes(*tensor.dtype, tensor.shape);
  if (!needed)
    fail(place, fmt::format("shape {} of {} is not a whole number of bytes", to_string(tensor.shape),
                            tensor.dtype->name));
  if (tensor.end - tensor.begin != *needed)
    fail(place,
         fmt::format("data_offsets [{}, {}] hold {} bytes, shape {} of {} needs {}", tensor.begin, tensor.end,
                     tensor.end - tensor.begin, to_string(tensor.shape), tensor.dtype->name, *needed));
}

}  // namespace

std::optional<std::uint64_t> stored_bytes(const Dtype& dtype, const Shape& shape) noexcept {
  if (!bounded_elements(shape)) return std::nullopt;
  const auto bits =
      checked_mul(static_cast<std::uint64_t>(elements(shape)), static_cast<std::uint64_t>(dtype.bits));
  if (!bits || *bits % 8 != 0) return std::nullopt;
  return *bits / 8;
}

Header parse_header(Bytes file, const std::string& where) {
  const std::string_view text = header_text(file, where);
  check_text(text, where);
  Header header;
  header.data_begin = 8 + text.size();
  read_header_json(text, where, header);

  std::sort(header.tensors.begin(), header.tensors.end(), [](const HeaderTensor& a, const HeaderTensor& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  std::uint64_t start = 0;
  for (const HeaderTensor& tensor : header.tensors) {
    check_tensor(tensor, start, where);
    start = tensor.end;
  }
  const std::uint64_t present = file.size() - header.data_begin;
  if (present < start)
    fail(where,
         fmt::format("the tensors need {} bytes of data, the file has {}; it is cut off, fetch it again",
                     start, present));
  if (present > start)
    fail(where,
         fmt::format("{} bytes follow the last tensor; the file is damaged or holds something else as well",
                     present - start));
  return header;
}

std::string serialize_header(const std::vector<HeaderTensor>& tensors, const StringPairs& metadata) {
  // Written by hand in the order and without blanks, as the reference writer does; nlohmann escapes the strings.
  const auto text = [](const std::string& value) { return nlohmann::json(value).dump(); };
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (std::size_t i = 0; i < metadata.size(); ++i)
      json += fmt::format("{}{}:{}", i == 0 ? "" : ",", text(metadata[i].first), text(metadata[i].second));
    json += "}";
  }
  for (const HeaderTensor& tensor : tensors)
    json += fmt::format("{}{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}}",
                        json.size() == 1 ? "" : ",", text(tensor.name), tensor.dtype->name,
                        fmt::join(tensor.shape, ","), tensor.begin, tensor.end);
  json += "}";
  json.resize(round_up(json.size(), 8), ' ');
  if (json.size() > kMaxHeaderBytes)
    throw ConfigError(fmt::format(
        "the header would have {} bytes, readers of safetensors accept {}; shorten the metadata or use "
        "smaller shards",
        json.size(), kMaxHeaderBytes));
  std::string start(8, '\0');
  store(reinterpret_cast<std::byte*>(start.data()), static_cast<std::uint64_t>(json.size()));
  return start + json;
}

}  // namespace pq::hf
