// Small safetensors files made by hand, so that the expected bytes never come from our own writer.
#pragma once

#include "base/support.hpp"

#include "common/header.hpp"
#include "safetensors/safetensors_format.hpp"

#include <polyquant/base/bytes.hpp>

#include <cstdint>
#include <cstring>
#include <string>

namespace pq::test {

/// The 8 bytes of the header's length.
inline std::string length_bytes(std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

/// A file: length, header as given, data.
inline std::string file_of(const std::string& header, const std::string& data = {}) {
  return length_bytes(header.size()) + header + data;
}

/// One tensor's entry of a header.
inline std::string entry(const std::string& name, const std::string& dtype, const std::string& shape,
                         const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets +
         "}";
}

inline hf::Header parse(const std::string& file) {
  return hf::parse_header(std::as_bytes(std::span(file)), "f");
}

/// What parse_header says of a file it must refuse, without the leading place.
inline std::string refusal(const std::string& file) {
  const std::string message = message_of<FormatError>([&] { parse(file); });
  return message.starts_with("f: ") ? message.substr(3) : "(no place) " + message;
}

inline std::unique_ptr<Format> format() { return hf::make_safetensors_format(Node()); }

/// All bytes of a tensor, as a string.
inline std::string content(const ModelReader& reader, std::size_t tensor) {
  std::vector<std::byte> scratch;
  const Bytes bytes = reader.rows(tensor, 0, rows(reader.header().tensors[tensor].shape), scratch);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace pq::test
